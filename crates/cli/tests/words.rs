//! What is typed wrongly, and what is said to it: every console block of tests/words is run and compared.

#[test]
fn wrong_words_get_right_answers() {
    trycmd::TestCases::new().case("tests/words/*.md");
}
