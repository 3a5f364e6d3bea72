//! Figures, each next to the bound that was measured in the same run.

use serde_json::{Value as Json, json};

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// A rate.
    Higher,
    /// A time or a size.
    Lower,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is, unique within a run.
    pub name: String,
    /// The measured value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Which values are better.
    pub better: Better,
    /// The bound in the same unit, and what it is.
    pub bound: (f64, &'static str),
}

impl Figure {
    /// The value as a part or multiple of its bound.
    pub fn ratio(&self) -> f64 {
        self.value / self.bound.0
    }

    /// The figure as an object: name, value, unit, better, bound, bound_is, ratio.
    pub fn to_json(&self) -> Json {
        let better = match self.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
        };
        json!({
            "name": self.name, "value": self.value, "unit": self.unit, "better": better,
            "bound": self.bound.0, "bound_is": self.bound.1, "ratio": self.ratio(),
        })
    }
}

/// The heading of the lines of [`line()`].
pub fn heading() -> String {
    format!("{:<54}{:>12} {:<14}{:>12}{:>8}  bound is", "figure", "value", "unit", "bound", "ratio")
}

/// A figure as one line.
pub fn line(figure: &Figure) -> String {
    let Figure { name, value, unit, bound, .. } = figure;
    let ratio = figure.ratio();
    format!("{name:<54}{:>12} {unit:<14}{:>12}{ratio:>8.2}  {}", shown(*value), shown(bound.0), bound.1)
}

/// A number with about four digits.
fn shown(value: f64) -> String {
    match value {
        value if value >= 1_000.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Better, Figure, line};

    #[test]
    fn a_figure_stands_next_to_its_bound() {
        let figure = Figure {
            name: "writes".to_owned(),
            value: 500.0,
            unit: "rows/s",
            better: Better::Higher,
            bound: (1_000.0, "bare"),
        };
        assert_eq!(figure.to_json()["ratio"], 0.5);
        let line = line(&figure);
        assert!(line.contains("500.0 rows/s") && line.contains("1000") && line.ends_with("0.50  bare"), "{line}");
    }
}
