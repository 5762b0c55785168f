//! JSON as far as the readers need it: values by their keys, strings as they are spelled, and what
//! is not needed skipped by its brackets and quotes. Nothing recurses, nothing is copied.

/// A place in a JSON text.
pub(crate) struct Scanner<'a> {
    pub text: &'a [u8],
    pub at: usize,
}

impl<'a> Scanner<'a> {
    /// The inside of a string, or any other value as it is spelled.
    pub fn value(&mut self) -> Option<&'a [u8]> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => self.nested(),
            _ => self.word(),
        }
    }

    /// The inside of a string, as it is spelled.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        if self.text.get(self.at) != Some(&b'"') {
            return None;
        }
        let start = self.at + 1;
        self.at = start;
        loop {
            match self.text.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(&self.text[start..self.at - 1])
    }

    /// Counts brackets outside of strings, without recursion.
    pub fn nested(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let mut depth = 0;
        loop {
            match self.text.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(&self.text[start..self.at]);
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<&'a [u8]> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        self.at += length;
        (length > 0).then(|| &rest[..length])
    }

    /// The next byte that is not a space.
    pub fn peek(&mut self) -> Option<u8> {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Steps over this byte.
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there.then_some(())
    }

    /// Calls `take` with keys and values of an object until it says `false`; whether it never did.
    ///
    /// Members of an object under the key `data` count as its own, where `may_wrap`.
    pub fn object(
        &mut self,
        may_wrap: bool,
        take: &mut impl FnMut(&'a [u8], &'a [u8]) -> bool,
    ) -> Option<bool> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            return self.expect(b'}').map(|()| true);
        }
        loop {
            self.peek()?;
            let key = self.string()?;
            self.expect(b':')?;
            let goes_on = if may_wrap && key == b"data" && self.peek() == Some(b'{') {
                self.object(false, take)?
            } else {
                take(key, self.value()?)
            };
            if !goes_on {
                return Some(false);
            }
            if self.expect(b',').is_none() {
                return self.expect(b'}').map(|()| true);
            }
        }
    }

    /// Whether nothing but spaces is left.
    pub fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }
}

/// Calls `take` with every key and value of an object that is the whole text.
pub(crate) fn members<'a>(text: &'a [u8], mut take: impl FnMut(&'a [u8], &'a [u8])) -> Option<()> {
    let mut scanner = Scanner { text, at: 0 };
    let mut take_all = |key, value| {
        take(key, value);
        true
    };
    scanner.object(false, &mut take_all)?;
    scanner.end()
}

/// Calls `take` with every item of an array that is the whole text.
pub(crate) fn items<'a>(
    text: &'a [u8],
    mut take: impl FnMut(&'a [u8]) -> Option<()>,
) -> Option<()> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.expect(b'[')?;
    if scanner.peek()? == b']' {
        scanner.expect(b']')?;
        return scanner.end();
    }
    loop {
        scanner.peek()?;
        take(scanner.value()?)?;
        if scanner.expect(b',').is_none() {
            scanner.expect(b']')?;
            return scanner.end();
        }
    }
}
