//! SELinux labels by path: a `file_contexts` file, read as libselinux reads it (its `label_file.c`): a name without
//! regular expression beats one with, and of the rest the last that fits the whole path counts.

use regex_lite::Regex;

/// The entries of a `file_contexts` file.
#[derive(Debug)]
pub struct Labels(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    path: Regex,
    exact: bool,
    label: String,
}

impl Labels {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The line's number, and what is wrong with it: something else than a path and a label, or a broken expression.
    pub fn read(text: &str) -> Result<Self, String> {
        let lines = (1_usize..).zip(text.lines().map(str::trim));
        let mut entries = Vec::new();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let [path, label] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                return Err(format!("line {number}: {line:?} is not a path and a label"));
            };
            let expression = Regex::new(&format!("^(?:{path})$")).map_err(|error| format!("line {number}: {error}"))?;
            entries.push(Entry { path: expression, exact: is_exact(path), label: label.to_owned() });
        }
        Ok(Self(entries))
    }

    /// The label of what lies at a path.
    pub fn of(&self, path: &str) -> Option<&str> {
        let fits = |entry: &&Entry| entry.path.is_match(path);
        let exact = self.0.iter().rev().filter(|entry| entry.exact).find(fits);
        exact.or_else(|| self.0.iter().rev().find(fits)).map(|entry| entry.label.as_str())
    }
}

/// Whether an expression is a mere name, with every character that means something escaped.
fn is_exact(expression: &str) -> bool {
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            _ if ".^$?*+|[({".contains(character) => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::Labels;

    const TEXT: &str = "# comment\n/dev/dma_heap/system u:object_r:exact:s0\n/dev(/.*)?   u:object_r:device:s0\n\
                        /dev/dma_heap(/.*)? u:object_r:heap:s0\n/bin/a\\.b u:object_r:dotted:s0\n/bin(/.*)? u:object_r:bin:s0\n";

    #[test]
    fn exact_name_beats_the_last_expression_which_beats_those_before() {
        let labels = Labels::read(TEXT).unwrap();
        assert_eq!(labels.of("/dev/dma_heap/system"), Some("u:object_r:exact:s0"));
        assert_eq!(labels.of("/dev/dma_heap/camera"), Some("u:object_r:heap:s0"));
        assert_eq!(labels.of("/dev/dma_heaps"), Some("u:object_r:device:s0"));
        assert_eq!(labels.of("/bin/a.b"), Some("u:object_r:dotted:s0"));
        assert_eq!(labels.of("/device"), None, "the whole path has to fit");
    }

    #[test]
    fn what_is_no_entry_is_told_with_its_line() {
        assert!(Labels::read("/a u:object_r:x:s0\n/b\n").unwrap_err().starts_with("line 2: \"/b\""));
        assert!(Labels::read("/( u:object_r:x:s0\n").unwrap_err().starts_with("line 1: "));
    }
}
