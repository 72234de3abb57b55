//! One look for all tables: a rule below the heading, numbers to the right, no frame.

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::text::WIDTH;

/// A table under a title. The first `left` columns hold names, the others numbers.
pub(crate) struct Grid {
    title: String,
    table: Table,
    left: usize,
    rows: usize,
}

impl Grid {
    pub(crate) fn new(title: &str, left: usize, heading: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')));
        table.set_content_arrangement(ContentArrangement::Dynamic);
        // Two columns are the indentation.
        table.set_width(u16::try_from(WIDTH - 2).unwrap_or(u16::MAX));
        let mut grid = Self {
            title: title.to_owned(),
            table,
            left,
            rows: 0,
        };
        let heading: Vec<_> = heading.iter().map(|text| (*text).to_owned()).collect();
        let cells = grid.cells(heading);
        grid.table.set_header(cells);
        grid
    }

    pub(crate) fn row(&mut self, texts: Vec<String>) {
        let cells = self.cells(texts);
        self.table.add_row(cells);
        self.rows += 1;
    }

    fn cells(&self, texts: Vec<String>) -> Vec<Cell> {
        let cell = |(index, text): (usize, String)| {
            let alignment = if index < self.left {
                CellAlignment::Left
            } else {
                CellAlignment::Right
            };
            Cell::new(text).set_alignment(alignment)
        };
        texts.into_iter().enumerate().map(cell).collect()
    }

    /// The table with its title; nothing if it has no rows.
    pub(crate) fn text(mut self) -> String {
        if self.rows == 0 {
            return String::new();
        }
        for column in self.table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines = self
            .table
            .lines()
            .map(|line| format!("  {}", line).trim_end().to_owned() + "\n");
        format!("{}\n{}", self.title, lines.collect::<String>())
    }
}
