//! Settings of a YAML file, no more than four keys deep, read event by event: what an alias stands for is never built, nothing recurses, and
//! a file with more events than people write is no configuration.

use std::collections::BTreeMap;

use yaml_rust2::Yaml;
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::TScalarStyle;

/// The most events of a file; hermes' own full example has about 900.
const MOST: usize = 100_000;
/// The most keys on the way to a setting: `gateway.platforms.telegram.enabled`.
const DEEPEST: usize = 4;

/// Scalars by the keys on the way to them, and lists of texts by key.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    scalars: BTreeMap<Vec<String>, Yaml>,
    lists: BTreeMap<String, Vec<String>>,
}

/// A collection that is being read.
enum Open {
    Sequence,
    /// With the key whose value is next.
    Mapping(Option<String>),
}

impl Settings {
    /// The first document of a text; `None` when it is no YAML, or too much of it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser::new_from_str(text);
        let mut settings = Self::default();
        let mut open: Vec<Open> = Vec::new();
        for _ in 0..MOST {
            match parser.next_token().ok()?.0 {
                Event::StreamEnd | Event::DocumentEnd => return Some(settings),
                Event::MappingStart(..) => open.push(Open::Mapping(None)),
                Event::SequenceStart(..) => open.push(Open::Sequence),
                Event::MappingEnd | Event::SequenceEnd => {
                    open.pop();
                    settings.node(&mut open, None);
                }
                Event::Scalar(text, style, ..) => {
                    let value = match style {
                        TScalarStyle::Plain => Yaml::from_str(&text),
                        _ => Yaml::String(text.clone()),
                    };
                    settings.node(&mut open, Some((text, value)));
                }
                Event::Alias(_) => settings.node(&mut open, None),
                _ => {}
            }
        }
        None
    }

    /// A node is complete: a key, or the value of one.
    fn node(&mut self, open: &mut [Open], scalar: Option<(String, Yaml)>) {
        if let ([Open::Mapping(Some(key)), Open::Sequence], Some((text, _))) = (&*open, &scalar) {
            let list = self.lists.entry(key.clone()).or_default();
            list.push(text.clone());
            return;
        }
        let key = |open: &Open| match open {
            Open::Mapping(key) => key.clone(),
            Open::Sequence => None,
        };
        let way: Option<Vec<String>> = match open {
            [sections @ .., _] if sections.len() < DEEPEST => sections.iter().map(key).collect(),
            _ => None,
        };
        let Some(Open::Mapping(key)) = open.last_mut() else {
            return;
        };
        let Some(name) = key.take() else {
            *key = Some(scalar.map_or_else(String::new, |(text, _)| text));
            return;
        };
        if let (Some(mut way), Some((_, value))) = (way, scalar) {
            way.push(name);
            self.scalars.insert(way, value);
        }
    }

    /// A setting; [`Yaml::BadValue`] where there is none.
    pub(crate) fn get(&self, section: &str, key: &str) -> &Yaml {
        self.at(&[section, key])
    }

    /// The same at the end of these keys.
    pub(crate) fn at(&self, keys: &[&str]) -> &Yaml {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        self.scalars.get(&keys).unwrap_or(&Yaml::BadValue)
    }

    /// The settings of this name anywhere in a section.
    pub(crate) fn below<'a>(
        &'a self,
        section: &'a str,
        key: &'a str,
    ) -> impl Iterator<Item = &'a Yaml> {
        let is_it = move |keys: &[String]| {
            keys.first().is_some_and(|first| first == section)
                && keys.last().is_some_and(|last| last == key)
        };
        let all = self.scalars.iter().filter(move |(keys, _)| is_it(keys));
        all.map(|(_, value)| value)
    }

    /// The texts of a list at the top.
    pub(crate) fn list(&self, key: &str) -> &[String] {
        self.lists.get(key).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_among_everything_else() {
        let text = "# a comment\nlist: [1, {agent: 2}]\n? [complex, key]\n: value\nagent:\n  deep:\n    restart: 1\n  \
                    tools: [a, b]\n  restart: 90\n  text: \"90\"\nagent2: {restart: 3}\n";
        let settings = Settings::parse(text).expect("YAML");
        assert_eq!(settings.get("agent", "restart").as_i64(), Some(90));
        assert_eq!(settings.get("agent", "text").as_str(), Some("90"));
        assert_eq!(settings.get("agent2", "restart").as_i64(), Some(3));
        assert!(settings.get("agent", "deep").is_badvalue());
        assert_eq!(settings.at(&["agent", "deep", "restart"]).as_i64(), Some(1));
        let deep = Settings::parse("a: {b: {c: {d: 1, e: {f: 2}}}}\n").expect("YAML");
        assert_eq!(deep.at(&["a", "b", "c", "d"]).as_i64(), Some(1));
        assert!(deep.at(&["a", "b", "c", "e", "f"]).is_badvalue());
        assert!(settings.get("list", "agent").is_badvalue());
        assert_eq!(settings.list("list"), ["1"]);
        assert!(settings.list("agent").is_empty());
    }

    #[test]
    fn aliases_and_depth_cost_nothing() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let alias = format!("*a{}", n - 1);
            bomb += &format!("a{n}: &a{n} [{}]\n", vec![alias; 10].join(", "));
        }
        let settings = Settings::parse(&(bomb + "agent: {restart: 5}\n")).expect("YAML");
        assert_eq!(settings.get("agent", "restart").as_i64(), Some(5));
        assert!(Settings::parse(&"[".repeat(1 << 20)).is_none());
        assert!(Settings::parse(&"- ".repeat(1 << 17)).is_none());
        assert!(Settings::parse(&"a: 1\n".repeat(MOST)).is_none());
    }
}
