//! How bytes are read as the several values that most targets need: fields with the byte 0xFF between them, which no
//! UTF-8 text holds. So a corpus file can be read, and written by hand.

/// The fields of an input, one after the other; beyond the last they are empty.
pub(crate) struct Fields<'a>(std::slice::Split<'a, u8, fn(&u8) -> bool>);

impl<'a> Fields<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes.split(|byte| *byte == 0xff))
    }

    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        self.0.next().unwrap_or_default()
    }

    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// Takes a field as a number below `end`, written in decimal.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let digits = self.bytes().iter().filter(|byte| byte.is_ascii_digit());
        let number = digits.fold(0_usize, |number, digit| {
            number
                .wrapping_mul(10)
                .wrapping_add(usize::from(digit - b'0'))
        });
        number % end
    }

    pub(crate) fn rest(self) -> impl Iterator<Item = &'a [u8]> {
        self.0
    }
}
