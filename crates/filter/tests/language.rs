//! The language on a record of our own: what holds, what is wrong and how it is said, and text that means harm.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use fathom_filter::{Plain, compile};
use fathom_model::field::Shown;
use fathom_model::{Field, Kind, Value};
use proptest::prelude::*;

struct Call {
    name: &'static str,
    path: Option<&'static str>,
    size: i64,
    failed: bool,
    ends: Option<[&'static str; 2]>,
}

const fn field(name: &'static str, kind: Kind, get: for<'a> fn(&'a Call) -> Value<'a>) -> Field<Call> {
    Field { name, kind, doc: "", shown: Shown::Always, get }
}

static FIELDS: [Field<Call>; 6] = [
    field("evt.type", Kind::Text, |call| Value::text(call.name)),
    field("fd.name", Kind::Text, |call| Value::maybe(call.path)),
    field("evt.size", Kind::Number, |call| Value::Number(call.size)),
    field("evt.failed", Kind::Flag, |call| Value::Flag(call.failed)),
    field("fd.ip", Kind::Address, |call| {
        call.ends.map_or(Value::Unknown, |ends| Value::Addresses(ends.map(|end| end.parse().unwrap())))
    }),
    field("evt.data", Kind::Bytes, |call| Value::bytes(call.name.as_bytes())),
];

const OPEN: Call = Call { name: "open", path: Some("/etc/passwd"), size: 3, failed: false, ends: None };
const CONNECT: Call =
    Call { name: "connect", path: None, size: -111, failed: true, ends: Some(["10.0.0.1", "10.0.0.2"]) };

/// What holds of both calls, open first.
fn check(text: &str, expect: (bool, bool)) {
    let predicate = compile(text, &Plain(&FIELDS)).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes}"));
    let mut scratch = Vec::new();
    let holds = (predicate.holds(&OPEN, &mut scratch), predicate.holds(&CONNECT, &mut scratch));
    assert_eq!(holds, expect, "{text}");
}

fn wrong(text: &str) -> String {
    compile(text, &Plain(&FIELDS)).map(|_| ()).expect_err(text).to_string()
}

#[test]
fn words_mean_what_they_say() {
    for (text, expect) in [
        ("evt.type=open", (true, false)),
        ("evt.type == 'open'", (true, false)),
        ("evt.type!=\"open\"", (false, true)),
        ("not evt.type=open", (false, true)),
        ("not not evt.type=open", (true, false)),
        ("not(evt.type=open)", (false, true)),
        ("evt.type in (open,connect)", (true, true)),
        ("evt.type in(open)", (true, false)),
        ("evt.type in ()", (false, false)),
        ("evt.type in ('open', \"close\")", (true, false)),
        ("evt.type=open or evt.type=connect", (true, true)),
        ("(evt.type=open)or(evt.type=connect)", (true, true)),
        // `and` binds closer.
        ("evt.type=open or evt.type=connect and evt.size>0", (true, false)),
        ("(evt.type=open or evt.type=connect) and evt.size<0", (false, true)),
        ("fd.name exists", (true, false)),
        ("fd.name", (true, false)),
        ("evt.type=open and fd.name", (true, false)),
        ("not fd.name", (false, true)),
        // What has no value is neither this nor not this.
        ("fd.name=/etc/passwd", (true, false)),
        ("fd.name!=/etc/passwd", (false, false)),
        ("not fd.name=/etc/passwd", (false, true)),
        ("fd.name contains passwd", (true, false)),
        ("fd.name icontains PASSWD", (true, false)),
        ("fd.name startswith /etc", (true, false)),
        ("fd.name endswith wd", (true, false)),
        ("fd.name glob /etc/*", (true, false)),
        ("fd.name iglob /ETC/*", (true, false)),
        ("fd.name regex '/etc/(passwd|shadow)'", (true, false)),
        ("fd.name pmatch (/usr, /etc)", (true, false)),
        ("evt.type intersects (open, read)", (true, false)),
        ("evt.type intersects (read, write)", (false, false)),
        ("fd.name contains anyof (shadow, passwd)", (true, false)),
        ("fd.name contains allof (etc, passwd)", (true, false)),
        ("fd.name contains oneof (etc, passwd)", (false, false)),
        ("evt.type = anyof (open, connect)", (true, true)),
        ("evt.type = anyof", (false, false)),
        ("evt.size>=3", (true, false)),
        ("evt.size=-111", (false, true)),
        ("evt.size = 0x3", (true, false)),
        ("evt.size in (3, -111)", (true, true)),
        ("evt.failed=true", (false, true)),
        ("fd.ip=10.0.0.2", (false, true)),
        ("fd.ip!=10.0.0.9", (false, true)),
        ("evt.data bcontains 6f70", (true, false)),
        ("evt.data bstartswith 6F", (true, false)),
        (r"evt.type=o\x70en", (true, false)),
        ("toupper(evt.type)=OPEN", (true, false)),
        ("len(fd.name)=11", (true, false)),
        ("basename(fd.name)=passwd", (true, false)),
        ("concat(evt.type, \"-\", evt.type)=open-open", (true, false)),
        ("join(\",\", (evt.type, evt.type))=open,open", (true, false)),
        ("b64('b3Blbg==')=open", (true, true)),
        ("evt.type=val(evt.data)", (true, true)),
        ("evt.type=tolower(evt.type)", (true, true)),
        ("evt.size<len(evt.type)", (true, true)),
        ("evt.type=oops", (false, false)),
        ("  evt.type\t=\nopen  ", (true, false)),
    ] {
        check(text, expect);
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    assert_eq!(
        wrong("evt.tpye=open and (fd.nmae contians x or evt.size=many)"),
        "\
no field is called `evt.tpye`
    evt.tpye=open and (fd.nmae contians x or evt.siz…
    ^^^^^^^^ did you mean `evt.type`?
no field is called `fd.nmae`
    evt.tpye=open and (fd.nmae contians x or evt.size=many)
                       ^^^^^^^ did you mean `fd.name`?
`contians` is no operator
    evt.tpye=open and (fd.nmae contians x or evt.size=many)
                               ^^^^^^^^ did you mean `contains`?
`many` is no number
    …pen and (fd.nmae contians x or evt.size=many)
                                             ^^^^"
    );
}

#[test]
fn mistakes_are_told_where_they_are() {
    for (text, expect) in [
        ("", "the filter is empty"),
        ("and", "a field is missing here"),
        ("evt.type=open and", "a field is missing here"),
        ("evt.type=", "a value is missing behind `=`"),
        ("evt.type in open", "values in brackets are missing behind `in`"),
        ("evt.type in (open", "this bracket is not closed"),
        ("(evt.type=open", "this bracket is not closed"),
        ("evt.type=open)", "this bracket was never opened"),
        ("evt.type=open evt.size=3", "`and` or `or` is missing here"),
        ("evt.type='open", "this quote is not closed"),
        ("evt.size contains 3", "`contains` does not apply to numbers"),
        ("evt.failed=yes", "`yes` is no truth value; `true` and `false` are"),
        ("fd.ip=localhost", "`localhost` is no address"),
        ("fd.name regex '('", "this is no regular expression: unclosed group"),
        ("tolower(evt.size)=3", "`tolower` takes text only"),
        ("tolower(evt.type, evt.type)=x", "`tolower` takes 1, and 2 stand in its brackets"),
        ("evt.size=val(evt.type)", "numbers cannot be compared with texts"),
        (r"evt.type=\xzz", r"`\x` takes two hexadecimal digits"),
        ("fd.ip=10.0.0.0/8", "`10.0.0.0/8` is no address; fields of networks, such as fd.net, are compared with one"),
        ("lower(evt.type)=x", "`lower` is no transformer"),
    ] {
        let said = wrong(text);
        assert_eq!(said.lines().next(), Some(expect), "{text}\n{said}");
    }
}

/// What people type who know another language, and which mistake it is here: the first one's hint.
#[test]
fn words_of_other_languages_are_translated() {
    for (text, word) in [
        ("evt.type=open && evt.size=3", "and"),
        ("evt.type=open || evt.size=3", "or"),
        ("evt.type=open OR evt.size=3", "or"),
        ("!evt.type=open", "not"),
        ("NOT (evt.type=open)", "not"),
        ("fd.name && evt.size=3", "and"),
        ("fd.name like x", "glob"),
        ("fd.name matches x", "regex"),
        ("evt.type is open", "="),
        ("evt.size <> 3", "!="),
        ("evt.type in open,close", "in (A, B)"),
        ("EVT.TYPE=open", "evt.type"),
        ("fd.name STARTSWITH x", "startswith"),
        ("lower(fd.name)=x", "tolower(…)"),
    ] {
        let said = wrong(text);
        assert!(said.contains(&format!("did you mean `{word}`?")), "{text}\n{said}");
        assert_eq!(said.lines().count(), 3, "one mistake is enough for {text}\n{said}");
    }
}

/// A blank that was none to one half of the reader and one to the other was read for ever.
#[test]
fn a_blank_is_one_everywhere() {
    for blank in ["\u{b}", "\u{c}", "\u{85}", "\u{a0}", "\u{2003}", "\u{3000}"] {
        check(&format!("evt.type{blank}={blank}open{blank}and{blank}evt.size=3"), (true, false));
        assert!(wrong(&format!("evt.type contains x{blank}==y")).contains("missing here"));
        assert!(wrong(&format!("evt.type oops{blank}y")).contains("`oops` is no operator"));
        assert!(wrong(&format!("evt.type in ({blank}a{blank}b)")).contains("a comma is missing here"));
    }
}

#[test]
fn hostile_filters_are_answered() {
    let deep = format!("{}evt.size=3{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(wrong(&deep).starts_with("brackets are nested more than 200 deep"));
    let deep = format!("{}evt.type{}=x", "tolower(".repeat(10_000), ")".repeat(10_000));
    assert!(wrong(&deep).starts_with("transformers are nested more than 200 deep"));
    let deep = format!("join('', {}evt.type{})=x", "(".repeat(10_000), ")".repeat(10_000));
    assert!(wrong(&deep).starts_with("brackets are nested more than 200 deep"));
    check(&format!("{}evt.type=open", "not ".repeat(10_000)), (true, false));
    let long = vec!["evt.type=open"; 80_000].join(" or ");
    assert!(long.len() > 1 << 20);
    check(&long, (true, false));
    let wrongs = vec!["evt.tpye=open"; 20_000].join(" or ");
    assert!(wrong(&wrongs).ends_with("and 19980 more mistakes"));
    let word = "x".repeat(1 << 20);
    assert!(wrong(&format!("{word}=1")).len() < 1 << 22);
    assert!(wrong(&format!("evt.size={word}")).len() < 1000);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[ -~äß\n\u{b}\u{a0}]{0,80}") {
        if let Err(mistakes) = compile(&text, &Plain(&FIELDS)) {
            prop_assert!(!mistakes.to_string().is_empty());
        }
    }

    #[test]
    fn no_words_of_the_language_make_it_panic(words in proptest::collection::vec(
        prop_oneof![
            Just("evt.type"), Just("fd.name"), Just("evt.size"), Just("("), Just(")"), Just("and"), Just("or"), Just("not"),
            Just("="), Just("in"), Just("contains"), Just(","), Just("anyof"), Just("tolower("), Just("val("), Just("'"),
            Just("\\x4"), Just("[0]"), Just("["), Just("3"), Just("exists"), Just("join("), Just("getopt("), Just("ö"),
        ], 0..30)) {
        let text = words.join(" ");
        if let Ok(predicate) = compile(&text, &Plain(&FIELDS)) {
            predicate.holds(&OPEN, &mut Vec::new());
        }
        let _ = compile(&words.concat(), &Plain(&FIELDS));
    }
}
