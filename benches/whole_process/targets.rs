//! What a run should cost at most, beside what it did cost.

use std::fmt;

/// Is how large a figure may be.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    Below(f64),
}

impl Bound {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(limit) => figure <= limit,
            Self::Below(limit) => figure < limit,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(formatter, "at most {limit}"),
            Self::Below(limit) => write!(formatter, "below {limit}"),
        }
    }
}

/// Is every target with its figure, in the order of the run.
#[derive(Default)]
pub(crate) struct Targets {
    rows: Vec<String>,
    missed: usize,
}

impl Targets {
    /// Notes a figure, and whether it is good enough.
    pub(crate) fn note(&mut self, what: &str, figure: f64, unit: &str, bound: Bound) {
        let outcome = if cfg!(debug_assertions) {
            "not looked at"
        } else if bound.holds(figure) {
            "met"
        } else {
            self.missed += 1;
            "missed"
        };
        self.rows.push(format!(
            "| {what} | {figure:.2} {unit} | {bound} {unit} | {outcome} |"
        ));
    }

    /// Notes a target that could not be looked at, and why.
    pub(crate) fn not_measured(&mut self, what: &str, why: &str) {
        println!("  {what}: not measured: {why}");
        self.rows.push(format!("| {what} | - | - | not measured |"));
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!("\nTargets\n\n| what | figure | target | |\n| --- | ---: | ---: | --- |");
        println!("{}", self.rows.join("\n"));
        if !cfg!(debug_assertions) {
            println!("\n{} of {} missed", self.missed, self.rows.len());
        }
    }
}

/// Is the middle half of some figures.
pub(crate) struct Quartiles {
    first: f64,
    pub(crate) median: f64,
    third: f64,
}

impl Quartiles {
    pub(crate) fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |quarters: usize| figures[(figures.len() - 1) * quarters / 4];
        Self {
            first: at(1),
            median: at(2),
            third: at(3),
        }
    }
}

impl fmt::Display for Quartiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            first,
            median,
            third,
        } = self;
        write!(formatter, "{median:.2} ({first:.2} to {third:.2})")
    }
}
