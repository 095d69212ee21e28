//! The text that is being edited, and what keys do to it.

use super::Candidates;

/// The text being edited; the cursor is a place between characters, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) cursor: usize,
}

impl Text {
    pub(super) fn of(text: &str) -> Self {
        Text { text: text.to_owned(), cursor: text.len() }
    }

    pub(super) fn insert(&mut self, more: &str) {
        self.text.insert_str(self.cursor, more);
        self.cursor += more.len();
    }

    pub(super) fn before(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(index, _)| index)
    }

    pub(super) fn after(&self) -> usize {
        self.text[self.cursor..].chars().next().map_or(self.cursor, |letter| self.cursor + letter.len_utf8())
    }

    pub(super) fn remove_back(&mut self) {
        self.cut(self.before(), self.cursor);
    }

    pub(super) fn remove_forward(&mut self) {
        self.cut(self.cursor, self.after());
    }

    pub(super) fn cut(&mut self, from: usize, to: usize) -> String {
        let cut = self.text.drain(from..to).collect();
        self.cursor = from;
        cut
    }

    pub(super) fn swap(&mut self) {
        let middle = if self.cursor == self.text.len() { self.before() } else { self.cursor };
        let head = self.text[..middle].char_indices().next_back();
        let (Some((start, first)), Some(second)) = (head, self.text[middle..].chars().next()) else { return };
        let end = middle + second.len_utf8();
        self.text.replace_range(start..end, &format!("{second}{first}"));
        self.cursor = end;
    }

    /// Where the word before the cursor starts; words are letters and digits.
    pub(super) fn word_start(&self) -> usize {
        let head = self.text[..self.cursor].trim_end_matches(|letter: char| !letter.is_alphanumeric());
        head.trim_end_matches(char::is_alphanumeric).len()
    }

    pub(super) fn word_end(&self) -> usize {
        let tail = self.text[self.cursor..].trim_start_matches(|letter: char| !letter.is_alphanumeric());
        self.text.len() - tail.trim_start_matches(char::is_alphanumeric).len()
    }

    /// Where the word before the cursor starts; words are what is between blanks.
    pub(super) fn blank_start(&self) -> usize {
        let head = self.text[..self.cursor].trim_end();
        head.trim_end_matches(|letter: char| !letter.is_whitespace()).len()
    }

    /// Puts in what all candidates have in common; gives the candidates back when that adds nothing.
    pub(super) fn complete(&mut self, candidates: &Candidates) -> Option<Vec<String>> {
        let common = common_start(&candidates.words);
        let typed = self.text.get(candidates.start..self.cursor)?;
        if !common.is_empty() && common != typed {
            self.text.replace_range(candidates.start..self.cursor, &common);
            self.cursor = candidates.start + common.len();
            return None;
        }
        (candidates.words.len() > 1).then(|| candidates.words.clone())
    }
}

fn common_start(words: &[String]) -> String {
    let Some((first, rest)) = words.split_first() else { return String::new() };
    let mut length = first.len();
    for word in rest {
        let same = first.char_indices().zip(word.chars()).take_while(|((_, left), right)| left == right);
        length = length.min(same.last().map_or(0, |((index, letter), _)| index + letter.len_utf8()));
    }
    first[..length].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` is the cursor.
    fn check(before: &str, edit: fn(&mut Text), after: &str) {
        let mut text = Text { text: before.replace('|', ""), cursor: before.find('|').expect("a cursor") };
        edit(&mut text);
        let mut shown = text.text.clone();
        shown.insert(text.cursor, '|');
        assert_eq!(shown, after);
    }

    #[test]
    fn text_is_edited_by_characters_and_words() {
        check("aé|b", Text::remove_back, "a|b");
        check("a|éb", Text::remove_forward, "a|b");
        check("|", Text::remove_back, "|");
        check("ls /etc/ho|", |text| text.cursor = text.word_start(), "ls /etc/|ho");
        check("|ls /etc", |text| text.cursor = text.word_end(), "ls| /etc");
        check("ls /etc/ho|", |text| drop(text.cut(text.blank_start(), text.cursor)), "ls |");
        check("ab|", Text::swap, "ba|");
        check("é|b", Text::swap, "bé|");
        check("a|", Text::swap, "a|");
    }

    #[test]
    fn completion_puts_in_what_is_common() {
        let candidates =
            |start, words: &[&str]| Candidates { start, words: words.iter().map(|word| (*word).to_owned()).collect() };
        let mut text = Text::of("cat h");
        assert_eq!(text.complete(&candidates(4, &["hosts", "hostname"])), None);
        assert_eq!(text, Text::of("cat host"));
        assert_eq!(text.complete(&candidates(4, &["hosts", "hostname"])).map(|list| list.len()), Some(2));
        assert_eq!(text.complete(&candidates(4, &["hosts "])), None);
        assert_eq!(text, Text::of("cat hosts "));
        assert_eq!(text.complete(&candidates(99, &["x"])), None);
    }
}
