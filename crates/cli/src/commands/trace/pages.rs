//! What there is to know of fields and filters, as pages of the reference and as answers to `fathom trace --help`.

use std::fmt::Write as _;

use fathom_filter::operator::{OPERATORS, QUANTITIES, Takes as Operand};
use fathom_filter::transform::TRANSFORMS;
use fathom_model::Kind;
use fathom_trace::fields::{GROUPS, Place, Row};
use fathom_trace::format::{DEFAULT, NAMED};

use super::lists::example;
use crate::output::markdown::table;
use crate::words::refused::REFUSED;

/// What a field holds, in one or two words.
pub(super) fn holds(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "number",
        Kind::Unsigned => "number from 0",
        Kind::Real => "fraction",
        Kind::Flag => "true or false",
        Kind::Bytes => "bytes",
        Kind::Address => "address",
        Kind::Network => "network",
        Kind::Port => "port",
        Kind::Age => "time span",
        Kind::Pairs => "pairs",
        Kind::Nearness => "milliseconds",
    }
}

/// Where a field can stand, if not everywhere.
pub(super) fn place(row: &Row) -> &'static str {
    match row.place {
        Place::Everywhere | Place::View => "",
        Place::Filter => " (in filters only)",
        Place::Format => " (in formats only)",
    }
}

/// `docs/reference/trace-fields.md`, and `--list-markdown`.
pub(crate) fn fields() -> String {
    let mut text =
        "# Fields of events\n\nWhat filters of `fathom trace` ask for, and formats show. Names are sysdig's; \
                    `[…]` and `.NAME` are arguments.\n"
            .to_owned();
    for group in GROUPS {
        let rows = group.rows.iter().filter(|row| row.void.is_none()).map(|row| {
            let name = format!("`{}{}`", row.name, example(row.takes));
            vec![name, holds(row.kind).to_owned(), format!("{}{}", row.doc, place(row))]
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            let head = ["field", "holds", "what it is"];
            let _ = write!(text, "\n## {}: {}\n\n{}", group.name, group.doc, table(&head, rows));
        }
    }
    text.push_str(
        "\n## Fields that are always empty\n\nFilters and formats that name them stay valid. A notice says why.\n\n",
    );
    let empty = GROUPS.iter().flat_map(|group| group.rows).filter_map(|row| Some((row, row.void?)));
    let rows = empty.map(|(row, why)| vec![format!("`{}{}`", row.name, example(row.takes)), why.to_owned()]);
    text + &table(&["field", "why"], rows)
}

/// How filters are put together.
const GRAMMAR: &str = r#"# Filters and formats of `fathom trace`

```text
FILTER  CHECK | not FILTER | FILTER and FILTER | FILTER or FILTER | ( FILTER )
CHECK   FIELD OPERATOR VALUE | FIELD OPERATOR (VALUE, …) | FIELD exists | FIELD
FIELD   evt.type   evt.arg.flags   proc.aname[2]   tolower(proc.name)
VALUE   bare   "quoted"   'quoted'   "with \x41 and \""   val(FIELD)   another transformer
```

`and` binds closer than `or`, `not` closest. A field alone asks whether it has a value. What has no value is neither
this nor not this: `fd.name!=x` fails where there is no name, `not fd.name=x` holds. Of fields with two ends, such as
`fd.ip`, one that fits is enough, and for `!=` neither may be it. Mistakes are told all at once, each with its place.

```sh
fathom trace -r FILE 'evt.type=open and fd.name startswith /etc'
fathom trace -r FILE 'fd.sport in (80, 443, https) and not proc.name=curl'
fathom trace -r FILE 'evt.rawres<0 and (proc.aname=sshd or container.id!=host)'
```
"#;

/// How lines are put together.
const FORMATS: &str = r#"
## Formats

`-p` takes text with `%FIELD` in it. `%20proc.name` is filled up, or cut, to 20 characters. `\n`, `\t`, `\e` and `\\` are
what they are in C. Without a `*` at its beginning only events are shown of which every field has a value; with it, `<NA>`
stands for what is missing.

"#;

/// `docs/reference/trace-filters.md`, and `--help filters`.
pub(crate) fn filters() -> String {
    let operators = OPERATORS.iter().map(|row| {
        let behind = match row.takes {
            Operand::Nothing => "",
            Operand::Value => " VALUE",
            Operand::List => " (VALUE, …)",
        };
        let kinds = KINDS.iter().filter(|kind| row.operator.applies_to(**kind)).map(|kind| holds(*kind));
        let kinds = kinds.collect::<Vec<_>>();
        let kinds = if kinds.len() >= KINDS.len() - 1 { "everything".to_owned() } else { kinds.join(", ") };
        vec![format!("`{}{behind}`", row.name), row.doc.to_owned(), kinds]
    });
    let transforms = TRANSFORMS.iter().map(|row| {
        let operands = match row.operands {
            (least, usize::MAX) => format!("{least} or more"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        vec![format!("`{}()`", row.name), operands, row.doc.to_owned()]
    });
    let quantities = QUANTITIES.iter().map(|row| format!("`{}`", row.0)).collect::<Vec<_>>().join(", ");
    let mut text = GRAMMAR.to_owned();
    let _ = write!(text, "\n## Operators\n\n{}", table(&["operator", "the field", "applies to"], operators));
    let _ = write!(
        text,
        "\nBetween an operator and a list, {quantities} say how many of its values must fit: \
         `fd.name contains anyof (passwd, shadow)`.\n\n## Transformers\n\n{}",
        table(&["transformer", "operands", "what it makes"], transforms)
    );
    text.push_str(FORMATS);
    let default = ("nothing", "", DEFAULT);
    let formats = std::iter::once(&default).chain(NAMED).map(|(letter, word, format)| {
        let word = if word.is_empty() { (*letter).to_owned() } else { format!("`-p{letter}`, `-p{word}`") };
        vec![word, format!("`{format}`")]
    });
    text.push_str(&table(&["asked for", "format"], formats));
    text.push_str("\n## Words of sysdig's that are refused\n\n");
    let refused = REFUSED.iter().map(|row| {
        let words = row.words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        vec![words, row.reason.to_owned(), row.instead.to_owned()]
    });
    text + &table(&["word", "why", "instead"], refused)
}

/// Kinds that fields of events have.
const KINDS: &[Kind] = &[
    Kind::Text,
    Kind::Bytes,
    Kind::Number,
    Kind::Unsigned,
    Kind::Real,
    Kind::Port,
    Kind::Flag,
    Kind::Address,
    Kind::Network,
    Kind::Nearness,
];
