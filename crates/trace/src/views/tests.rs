//! Laws that hold for every row.

use super::*;

#[test]
fn every_view_has_a_name_of_its_own_and_one_line_about_it() {
    let mut names: Vec<_> = rows().map(|row| row.name).chain(ABSENT.iter().map(|row| row.0)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for row in rows() {
        assert!(!row.title.is_empty() && row.title.len() < 100 && !row.title.ends_with('.'), "{}", row.name);
        let optional = row.arguments.iter().position(|argument| argument.optional).unwrap_or(row.arguments.len());
        assert!(row.arguments[optional..].iter().all(|argument| argument.optional), "{}", row.name);
    }
}

/// Something that each kind of argument may be.
fn word(argument: &Argument) -> String {
    match argument.takes {
        Takes::Number => "10".to_owned(),
        Takes::Port => "80".to_owned(),
        Takes::Address => "127.0.0.1".to_owned(),
        Takes::OneOf(words) => words[0].to_owned(),
        Takes::Filter => "fd.num>0".to_owned(),
        Takes::File => "out.scap".to_owned(),
        Takes::Text if argument.name == "filter" => "'evt.is_io=true'".to_owned(),
        Takes::Text => "proc.name".to_owned(),
    }
}

#[test]
fn every_view_can_be_made_with_its_arguments_and_without_the_optional_ones() {
    for row in rows() {
        for columns in [Columns::Plain, Columns::Containers] {
            for all in [true, false] {
                let given = row.arguments.iter().filter(|argument| all || !argument.optional);
                let words: Vec<_> = given.map(word).collect();
                let taken = take(row, &words, |_| false).unwrap_or_else(|wrong| panic!("{wrong}")).taken;
                let wish = Wish { columns, ..Wish::default() };
                if let Err(wrong) = View::new(row, &taken, wish) {
                    panic!("{}: {wrong}", row.name);
                }
            }
        }
    }
}

#[test]
fn names_that_are_none_are_answered() {
    let hint = |name: &str| row(name).err().and_then(|wrong| wrong.hint).unwrap_or_default();
    assert_eq!(hint("topcons"), "did you mean `-c topconns`?");
    assert_eq!(hint("zzz"), "`fathom trace -cl` has all views");
    let flame = row("flame").err().map(|wrong| wrong.message).unwrap_or_default();
    assert!(flame.contains("tracer"), "{flame}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let make = |name: &str, words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let row = row(name).unwrap();
        let taken = take(row, &words, |_| false).unwrap().taken;
        View::new(row, &taken, Wish::default()).err().map(|wrong| wrong.message).unwrap_or_default()
    };
    assert!(make("fdbytes_by", &["fd.nam"]).contains("no field is called `fd.nam`"));
    let table = ["fd.name", "A,B", "evt.count", "Count", "evt.is_io=true", "10", "none"];
    assert!(make("table_generator", &table).contains("1 keys with 2 titles"));
}
