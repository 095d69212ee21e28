//! Arguments of views: the words behind `-c NAME`, taken from the front of what else was said, and checked.

use super::{Row, Wrong};

/// One argument.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub takes: Takes,
    /// One sentence.
    pub doc: &'static str,
    /// Whether the view does without it.
    pub optional: bool,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Anything.
    Text,
    /// The name of a file.
    File,
    /// A number that is not negative.
    Number,
    /// A port.
    Port,
    /// An address.
    Address,
    /// A filter over descriptors: all words that are left.
    Filter,
    /// One of these.
    OneOf(&'static [&'static str]),
}

impl Argument {
    pub(super) const fn required(name: &'static str, takes: Takes, doc: &'static str) -> Self {
        Argument { name, takes, doc, optional: false }
    }

    pub(super) const fn optional(name: &'static str, takes: Takes, doc: &'static str) -> Self {
        Argument { name, takes, doc, optional: true }
    }

    fn check(&self, word: &str) -> Result<(), String> {
        let name = self.name;
        let wrong = match self.takes {
            Takes::Text | Takes::File | Takes::Filter => return Ok(()),
            Takes::Number if word.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0) => {
                return Ok(());
            }
            Takes::Number => "is a number",
            Takes::Port if word.parse::<u16>().is_ok() => return Ok(()),
            Takes::Port => "is a port",
            Takes::Address if word.parse::<std::net::IpAddr>().is_ok() => return Ok(()),
            Takes::Address => "is an address",
            Takes::OneOf(words) if words.contains(&word) => return Ok(()),
            Takes::OneOf(words) => return Err(format!("`{name}` is one of {}, not `{word}`", words.join(", "))),
        };
        Err(format!("`{name}` {wrong}, not `{word}`"))
    }
}

/// For views that show colours: sysdig has both spellings, each in other views.
pub(super) const NO_COLOUR: Argument = Argument::optional(
    "disable_color",
    Takes::OneOf(&["disable_color", "disable_colors"]),
    "no colours, on a terminal too",
);

/// Arguments that were given, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken(Vec<(&'static str, String)>);

impl Taken {
    /// The argument of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(taken, _)| *taken == name).map(|(_, word)| word.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(|word| word.parse().ok())
    }

    /// A text in which `{NAME}` stands for an argument.
    pub(super) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, word)| text.replace(&format!("{{{name}}}"), word))
    }
}

/// Arguments of a view, and the words that are left.
#[derive(Debug, PartialEq, Eq)]
pub struct Words<'w> {
    /// Arguments.
    pub taken: Taken,
    /// What is none of them.
    pub rest: &'w [String],
}

/// Takes the arguments of `row` from the front of `words`: required ones in any case, optional ones if what is left
/// would be no filter with them. A word may hold several arguments, as in `'10 disable_colors'`.
///
/// # Errors
/// Which argument is missing or wrong, and how the view is called.
pub fn take<'w>(row: &Row, words: &'w [String], is_filter: impl Fn(&str) -> bool) -> Result<Words<'w>, Wrong> {
    let mut rest = words;
    // A word of which it is certain that it is a later argument leaves those between out.
    let mut said: Vec<Option<String>> = Vec::new();
    let required = row.arguments.iter().filter(|argument| !argument.optional).count();
    while said.len() < row.arguments.len() {
        let Some((word, others)) = rest.split_first() else { break };
        if let Takes::Filter = row.arguments[said.len()].takes {
            // A second filter, if there is one, is about events and stands in a word of its own.
            let whole = rest.len() > 1 && !(is_filter(word) && is_filter(&others.join(" ")));
            said.push(Some(unquoted(&if whole { rest.join(" ") } else { word.clone() }).to_owned()));
            rest = if whole { &[] } else { others };
            continue;
        }
        if said.len() >= required && is_filter(&rest.join(" ")) {
            break;
        }
        for piece in pieces(word) {
            let left = row.arguments.get(said.len()..).unwrap_or_default();
            said.extend(std::iter::repeat_n(None, before_the_meant(left, &piece)));
            said.push(Some(piece));
        }
        rest = others;
    }
    let wrong = |message: String| Wrong {
        message: format!("cannot show the view `{}`: {message}", row.name),
        hint: Some(format!("{}; `fathom trace -i {}` says more", row.usage(), row.name)),
    };
    if said.len() < required {
        return Err(wrong(format!("`{}` is missing", row.arguments[said.len()].name)));
    }
    if said.len() > row.arguments.len() {
        return Err(wrong(format!("it takes {} arguments, not {}", row.arguments.len(), said.len())));
    }
    let mut taken = Vec::new();
    for (argument, word) in row.arguments.iter().zip(said) {
        let Some(word) = word else { continue };
        argument.check(&word).map_err(wrong)?;
        taken.push((argument.name, word));
    }
    Ok(Words { taken: Taken(taken), rest })
}

/// How many optional arguments stand before the one that a word can only be: `disable_color` is no file.
fn before_the_meant(arguments: &[Argument], word: &str) -> usize {
    let is_meant = |argument: &Argument| matches!(argument.takes, Takes::OneOf(words) if words.contains(&word));
    let meant = arguments.iter().position(is_meant).unwrap_or(0);
    if arguments[..meant].iter().all(|argument| argument.optional) { meant } else { 0 }
}

/// sysdig wants filters with spaces in quotes of their own.
fn unquoted(filter: &str) -> &str {
    let inner = filter.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\''));
    inner.filter(|inner| !inner.contains('\'')).unwrap_or(filter)
}

/// Splits at spaces that are not between quotes.
fn pieces(word: &str) -> Vec<String> {
    let (mut pieces, mut quoted) = (vec![String::new()], false);
    for letter in word.trim().chars() {
        match letter {
            '\'' | '`' => quoted = !quoted,
            ' ' if !quoted => pieces.push(String::new()),
            letter => pieces.last_mut().expect("there is one from the start").push(letter),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::row;

    fn split(name: &str, words: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let is_filter = |text: &str| fathom_filter::compile(text, &crate::Fields).is_ok();
        let taken = take(row(name).unwrap(), &words, is_filter).map_err(|wrong| wrong.message)?;
        Ok((taken.taken.0.into_iter().map(|pair| pair.1).collect(), taken.rest.to_vec()))
    }

    #[test]
    fn arguments_come_before_the_filter() {
        for (name, words, taken, rest) in [
            ("topconns", &["proc.name=x"][..], &[][..], &["proc.name=x"][..]),
            ("spy_port", &["80", "proc.name=x", "and", "evt.num>1"], &["80"], &["proc.name=x", "and", "evt.num>1"]),
            ("spy_port", &["80 disable_colors", "proc.name=x"], &["80", "disable_colors"], &["proc.name=x"]),
            ("spy_port", &["80", "disable_colors"], &["80", "disable_colors"], &[]),
            ("spy_users", &["proc.name=x"], &[], &["proc.name=x"]),
            ("spy_users", &["2", "proc.name=x"], &["2"], &["proc.name=x"]),
            ("spy_file", &["RW '/a b'"], &["RW", "/a b"], &[]),
            ("spy_logs", &["disable_color"], &["disable_color"], &[]),
            ("spy_logs", &["x.scap", "disable_color"], &["x.scap", "disable_color"], &[]),
            ("spy_logs", &["x.scap 10", "proc.name=x"], &["x.scap", "10"], &["proc.name=x"]),
            ("around", &["disable_color", "proc.name=x"], &["disable_color"], &["proc.name=x"]),
            ("lsof", &["proc.name=x", "and", "fd.num>1"], &["proc.name=x and fd.num>1"], &[]),
            ("lsof", &["'proc.name=x and fd.num>1'"], &["proc.name=x and fd.num>1"], &[]),
            ("lsof", &["proc.name=x", "evt.num=7"], &["proc.name=x"], &["evt.num=7"]),
        ] {
            let (was, left) = split(name, words).unwrap();
            assert_eq!((&was[..], &left[..]), (&owned(taken)[..], &owned(rest)[..]), "{name} {words:?}");
        }
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn wrong_arguments_are_told() {
        for (name, words, message) in [
            ("spy_port", &[][..], "`host_port` is missing"),
            ("spy_port", &["web"], "`host_port` is a port, not `web`"),
            ("spy_ip", &["1.2.3"], "`host_ip` is an address, not `1.2.3`"),
            ("fileslower", &["soon"], "`min_ms` is a number, not `soon`"),
            ("spy_port", &["80 disable_colors more"], "it takes 2 arguments, not 3"),
            ("spy_file", &["/etc/passwd"], "is one of"),
        ] {
            let said = split(name, words).unwrap_err();
            assert!(said.contains(message), "{said}");
        }
    }
}
