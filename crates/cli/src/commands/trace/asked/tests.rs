//! Words and what they mean, row by row.

use super::*;

/// On this machine run the containers `web` and `not`, and the pod `web-0`.
fn stands(target: &Target) -> Standing {
    match target {
        Target::Container { name, .. } if ["web", "not"].contains(&name.as_str()) => Standing::Here,
        Target::Object(object) if object.name == "web-0" => Standing::Here,
        _ => Standing::Unknown(vec!["web".into()]),
    }
}

fn typed(words: &[String]) -> Typed<'_> {
    Typed { words, target: None, filter: None, pod: (None, None), bare: Bare::Container }
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

fn ask(text: &[&str], change: impl FnOnce(&mut Typed<'_>)) -> Result<Asked, Failure> {
    let words = words(text);
    let mut typed = typed(&words);
    change(&mut typed);
    divide(&typed, Origin::Machine, stands)
}

#[track_caller]
fn check(text: &[&str], target: Option<&str>, filter: &str) {
    let asked = ask(text, |_| {}).unwrap_or_else(|failure| panic!("{text:?}: {failure}"));
    let found = asked.target.map(|target| target.to_string());
    assert_eq!((found.as_deref(), asked.filter.as_str()), (target, filter), "{text:?}");
}

/// Sysdig's own examples, word for word: of its handbook, its wiki and its help.
const SYSDIGS: &[&[&str]] = &[
    &["container.name=wordpress1"],
    &["fd.cip=192.168.0.1"],
    &["evt.type=accept and proc.name!=httpd"],
    &["proc.name=httpd"],
    &["proc.name=cat"],
    &["proc.name=cat and evt.type=open"],
    &["evt.type=open"],
    &["evt.type=chdir and user.name=root"],
    &["evt.type=chdir", "and", "user.name=root"],
    &["fd.name=/etc/passwd"],
    &["fd.port=80"],
    &["fd.name contains /etc"],
    &["fd.name", "contains", "/etc"],
    &["proc.name", "exists"],
    &["not fd.name contains /dev"],
    &["not", "fd.name", "contains", "/dev"],
    &["user.name=loris"],
    &["evt.type!=switch"],
    &["fd.type=ipv4 and fd.sport=53"],
    &["(fd.type=ipv4 or fd.type=ipv6) and evt.is_io=true"],
    &["evt.latency>1000000"],
    &["fd.directory=/etc and evt.type=open"],
    &["proc.pname=bash and evt.type=execve and evt.dir=<"],
    &["container.id=d42f4d79e4b7"],
    &["container.image contains nginx"],
    &["evt.type in (open, openat)"],
    &["proc.aname", "in", "(sshd, bash)"],
    &["k8s.pod.name=web-0"],
    &["evt.buffer contains GET"],
    &["fd.name"],
];

#[test]
fn sysdig_s_examples_are_filters_word_for_word() {
    for example in SYSDIGS {
        check(example, None, &example.join(" "));
        // Nobody is looked for when it is clear.
        let never = |_: &Target| -> Standing { panic!("{example:?}: somebody was looked for") };
        divide(&typed(&words(example)), Origin::Machine, never).expect("a filter");
    }
}

#[test]
fn a_first_word_that_names_a_target_is_one_and_the_rest_is_the_filter() {
    check(&[], None, "");
    check(&["web"], Some("web"), "");
    check(&["web", "evt.type=open"], Some("web"), "evt.type=open");
    check(&["web", "evt.type=open", "and", "fd.name"], Some("web"), "evt.type=open and fd.name");
    check(
        &["web", "evt.type=open and fd.name startswith /etc"],
        Some("web"),
        "evt.type=open and fd.name startswith /etc",
    );
    check(&["demo/web", "evt.type=open"], Some("demo/web"), "evt.type=open");
    check(&["docker://4f1c"], Some("docker://4f1c"), "");
    check(&["pid:4211", "fd.port=80"], Some("pid:4211"), "fd.port=80");
    check(&["unit:nginx.service"], Some("unit:nginx.service"), "");
    check(&["netns:/run/netns/blue"], Some("netns:/run/netns/blue"), "");
    check(&["host"], Some("host"), "");
    check(&["shop/pod/web-0/sidecar"], Some("shop/pod/web-0/sidecar"), "");
    // A container may be called like a word of the language.
    check(&["not"], Some("not"), "");
    check(&["not", "fd.port=80"], None, "not fd.port=80");
}

#[test]
fn options_settle_what_may_be_two_things() {
    let asked = ask(&["fd.port=80"], |typed| typed.target = Some("web")).expect("both are named");
    assert_eq!((asked.target.map(|target| target.to_string()).as_deref(), &*asked.filter), (Some("web"), "fd.port=80"));
    let asked = ask(&["proc.name"], |typed| typed.filter = Some("fd.port=80")).expect("both are named");
    assert_eq!(
        (asked.target.map(|target| target.to_string()).as_deref(), &*asked.filter),
        (Some("proc.name"), "fd.port=80")
    );
    let asked = ask(&[], |typed| typed.filter = Some("fd.port=80")).expect("a filter");
    assert_eq!((asked.target, &*asked.filter), (None, "fd.port=80"));
    let refused = ask(&["web", "x"], |typed| typed.filter = Some("fd.port=80")).expect_err("one too many");
    assert_eq!((refused.class, refused.message.as_str()), (Class::Usage, "`x` has no meaning beside --filter"));
}

#[test]
fn kubectl_s_words_name_a_pod() {
    let pod = |text: &[&str], namespace, container, bare| {
        let asked = ask(text, |typed| (typed.pod, typed.bare) = ((namespace, container), bare));
        asked.map(|asked| asked.target.map(|target| target.to_string()).unwrap_or_default())
    };
    let of = |text: &[&str], namespace, container| pod(text, namespace, container, Bare::Container);
    assert_eq!(of(&["web-0"], Some("shop"), None).expect("a pod"), "shop/pod/web-0");
    assert_eq!(of(&["pod/web-0"], Some("shop"), Some("app")).expect("a pod"), "shop/pod/web-0/app");
    assert_eq!(of(&["bank/pod/web-0/x"], Some("shop"), Some("app")).expect("a pod"), "bank/pod/web-0/x");
    assert_eq!(pod(&["web-0", "fd.port=80"], None, None, Bare::Pod).expect("a pod"), "pod/web-0");
    assert_eq!(of(&["docker://web"], Some("shop"), None).expect_err("no pod").class, Class::Usage);
    assert_eq!(of(&["fd.port=80"], Some("shop"), None).expect_err("no pod is named").class, Class::Usage);
    assert_eq!(of(&[], None, Some("app")).expect_err("no pod is named").class, Class::Usage);
}

#[test]
fn a_word_that_is_neither_is_told_both_ways() {
    for word in ["wbe", "pdi:7", "pods2/web"] {
        let refused = ask(&[word, "fd.port=80"], |_| {}).expect_err(word);
        assert_eq!(refused.class, Class::Usage, "{word}");
        let said = &refused.message;
        assert!(said.starts_with(&format!("`{word}` is neither a target nor a filter")), "{said}");
        assert!(said.contains("as a target: ") && said.contains("as a filter: "), "{said}");
    }
    let refused = ask(&["wbe"], |_| {}).expect_err("nothing");
    assert!(refused.message.contains("did you mean web?"), "{refused}");
    // What can only have been meant as a filter is told as one.
    for filter in ["evt.tipe=open", "fd.nam exists", "not fd.nam", "(fd.port=80", "proc.naem"] {
        check(&[filter], None, filter);
    }
    check(&["web", "evt.tipe=open"], Some("web"), "evt.tipe=open");
}

#[test]
fn recordings_and_commands_are_what_is_looked_at() {
    let all = words(&["not", "fd.port"]);
    let asked = divide(&typed(&all), Origin::Else, |_| panic!("nobody is looked for")).expect("words");
    assert_eq!((asked.target, &*asked.filter), (None, "not fd.port"));
    // A mistake in a filter is told where all filters are.
    let all = words(&["fd.prot=80"]);
    let asked = divide(&typed(&all), Origin::Else, |_| panic!("nobody is looked for")).expect("words");
    assert_eq!((asked.target, &*asked.filter), (None, "fd.prot=80"));
    let all = words(&["web", "fd.port=80"]);
    let refused = divide(&typed(&all), Origin::Else, |_| panic!("nobody is looked for")).expect_err("a target");
    assert!(refused.message.starts_with("`web` is no filter, and a target goes neither"), "{refused}");
    let named = Typed { target: Some("web"), ..typed(&[]) };
    let refused = divide(&named, Origin::Else, |_| Standing::Here).expect_err("two targets");
    assert_eq!(refused.class, Class::Usage);
}
