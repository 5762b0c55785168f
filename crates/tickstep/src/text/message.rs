//! Lines of recorded feeds: a local receive time in ns, a space, and one JSON message.

use std::collections::BTreeMap;

use super::fault::excerpt;

/// Kinds of messages that are counted by name; the others share one count.
const KINDS_MAX: usize = 64;

const OTHER: &str = "other";

/// The receive time, which may be empty, and the JSON of a line of a recorded feed.
pub(crate) fn message_of(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let message = match &line[digits..] {
        [b' ', message @ ..] if digits > 0 => message,
        message if digits == 0 => message,
        _ => return None,
    };
    message
        .starts_with(b"{")
        .then_some((&line[..digits], message))
}

/// How many messages there were of each kind that is not read.
#[derive(Debug, Default)]
pub(crate) struct MessageCounts {
    pub counts: BTreeMap<String, u64>,
}

impl MessageCounts {
    pub fn add(&mut self, kind: &[u8]) {
        let is_name = !kind.is_empty() && kind.len() <= 32 && kind.is_ascii();
        let name = if is_name {
            excerpt(kind)
        } else {
            OTHER.to_owned()
        };
        let is_room = self.counts.len() < KINDS_MAX || self.counts.contains_key(&name);
        let name = if is_room { name } else { OTHER.to_owned() };
        *self.counts.entry(name).or_default() += 1;
    }
}
