//! A value that a setting of a recipe can take, and how it is written canonically.
use std::fmt;

/// One value, as a spec writes it or a domain yields it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`: the setting is explicitly left empty.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number with a fraction or an exponent.
    Float(f64),
    /// Text.
    Text(String),
    /// A list, such as `[-1, 1]`.
    List(Vec<Value>),
}

impl Value {
    /// The number, if it is one (a whole number counts).
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "settings beyond 2^53 are refused by their key's range"
            )]
            Self::Int(i) => Some(*i as f64),
            Self::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// The whole number, if it is one; `64.0` counts.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "guarded: no fraction and within 2^53"
            )]
            Self::Float(f) if f.fract() == 0.0 && f.abs() <= 9_007_199_254_740_992.0 => {
                Some(*f as i64)
            }
            _ => None,
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(t) => Some(t),
            _ => None,
        }
    }

    /// What kind of value it is, in the words of the messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
        }
    }

    /// The same value in the one form that hashing and comparing use: numbers
    /// without a fraction are whole, `-0.0` is `0`.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match self {
            Self::Float(_) => self.as_i64().map_or_else(|| self.clone(), Self::Int),
            Self::List(items) => Self::List(items.iter().map(Self::canonical).collect()),
            other => other.clone(),
        }
    }

    /// Appends the value as JSON; floats in their shortest form that reads back the same.
    pub fn write_json(&self, out: &mut String) {
        use std::fmt::Write as _;
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Int(i) => write!(out, "{i}").expect("writing to a string cannot fail"),
            Self::Float(f) => write!(out, "{f:e}").expect("writing to a string cannot fail"),
            Self::Text(t) => write_json_text(t, out),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
        }
    }

    /// The value as a `serde_json` value, for data that people's programs read.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Int(i) => (*i).into(),
            Self::Float(f) => (*f).into(),
            Self::Text(t) => t.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
        }
    }
}

fn write_json_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

impl fmt::Display for Value {
    /// As a person reads it: `0.0001`, `1e-7`, `relu`, `[-1, 1]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) => f.write_str(&short_number(*x)),
            Self::Text(t) => f.write_str(t),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// A float as a person writes it, in the fewest digits that tell it from its
/// neighbours at six significant digits: `0.003`, `3.16228e-5`, `1e-7`.
#[must_use]
pub fn short_number(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    if !x.is_finite() {
        return x.to_string();
    }
    let scientific = format!("{x:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let digits = usize::try_from(5 - exponent).unwrap_or(0);
        let plain = format!("{x:.digits$}");
        if plain.contains('.') {
            plain.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            plain
        }
    } else {
        let mantissa = if mantissa.contains('.') {
            mantissa.trim_end_matches('0').trim_end_matches('.')
        } else {
            mantissa
        };
        format!("{mantissa}e{exponent}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_short() {
        for (x, expected) in [
            (0.003, "0.003"),
            (1e-4, "0.0001"),
            (1e-5, "1e-5"),
            (3.162_277_66e-4, "0.000316228"),
            (0.1, "0.1"),
            (1234.5, "1234.5"),
            (1e6, "1e6"),
            (123_456.0, "123456"),
            (-0.5, "-0.5"),
        ] {
            assert_eq!(short_number(x), expected);
        }
    }

    #[test]
    fn canonical_numbers_have_one_spelling() {
        assert_eq!(Value::Float(64.0).canonical(), Value::Int(64));
        assert_eq!(Value::Float(-0.0).canonical(), Value::Int(0));
        let mut out = String::new();
        Value::Float(0.003).write_json(&mut out);
        assert_eq!(out, "3e-3");
    }
}
