//! One sentence that draws the conclusion, and claims nothing that the noise could have made.
//!
//! Two things are asked. Along an axis of cache sizes: which is the smallest whose hit ratio surely reaches 95 % of what
//! there is to reach. Along every other axis: which value surely beats all others, on average over the rest, seed by seed,
//! with a band that holds for all comparisons at once.

use super::curves::along;
use super::{Axis, Cell, Sweep};
use crate::metrics::Unit;
use crate::noise::Band;

/// What is concluded about.
const GOAL: &str = "request_hit_ratio";
/// Near enough to what can be reached.
const NEAR: f64 = 0.95;
/// What an infinite cache would reach.
const CEILING: &str = "the ceiling";
/// The last steps of paths that are sizes of caches.
const SIZES: [&str; 2] = ["memory", "max_objects"];

/// The conclusion.
pub(super) fn sentence(sweep: &Sweep) -> String {
    if sweep.cells.iter().all(|cell| cell.band(GOAL).is_none()) {
        return "No hit ratio was measured (no request was cacheable), so nothing can be concluded about it."
            .to_owned();
    }
    let mut clauses = Vec::new();
    let varied = || {
        sweep
            .axes
            .iter()
            .enumerate()
            .filter(|(_, axis)| axis.values.len() > 1)
    };
    let is_size = |axis: &Axis| {
        let last = axis.path.rsplit('.').next().unwrap_or_default();
        axis.numbers.is_some() && SIZES.contains(&last)
    };
    if let Some((index, _)) = varied().find(|(_, axis)| is_size(axis)) {
        clauses.extend(enough(sweep, index));
    }
    for (index, axis) in varied().filter(|(_, axis)| !is_size(axis)) {
        let name = sweep.short(axis);
        let of = |cell: &Cell| cell.choice[index];
        clauses.extend(compared(sweep, &name, &axis.values, &of));
    }
    if sweep.variants.len() > 1 {
        let of = |cell: &Cell| {
            let found = sweep.variants.iter().position(|name| *name == cell.variant);
            found.unwrap_or(0)
        };
        clauses.extend(compared(sweep, "variant", &sweep.variants, &of));
    }
    if clauses.is_empty() {
        let band = sweep.cells.first().and_then(|cell| cell.band(GOAL));
        let shown = band.map_or(String::new(), with_noise);
        clauses.push(format!(
            "the request hit ratio is {shown} over {} seeds",
            sweep.seeds.len()
        ));
    }
    if sweep.seeds.len() < 2 {
        clauses.push(
            "with one seed nothing tells these differences from those of another draw: add `--seeds 5`"
                .to_owned(),
        );
    }
    let mut text = clauses.join("; ");
    if let Some(first) = text.chars().next() {
        text.replace_range(..first.len_utf8(), &first.to_uppercase().to_string());
    }
    text.push('.');
    text
}

/// The smallest size that reaches what there is to reach, with the other axes as in the best cell.
fn enough(sweep: &Sweep, axis: usize) -> Option<String> {
    let spec = &sweep.axes[axis];
    let numbers = spec.numbers.as_ref()?;
    // Of all other settings those that do best over all sizes; of equals, the first.
    let over_sizes = |cell: &Cell| {
        let means = along(sweep, cell, axis).filter_map(|cell| cell.band(GOAL));
        means.map(|band| band.mean).sum::<f64>()
    };
    let groups = sweep.cells.iter().filter(|cell| cell.choice[axis] == 0);
    let best = groups.max_by(|a, b| {
        over_sizes(a)
            .total_cmp(&over_sizes(b))
            .then(std::cmp::Ordering::Greater)
    })?;
    let mut sizes: Vec<&Cell> = along(sweep, best, axis).collect();
    sizes.sort_by(|a, b| numbers[a.choice[axis]].total_cmp(&numbers[b.choice[axis]]));
    let largest = sizes.last()?;
    // Where no stale answer is served, an infinite cache is the ceiling; else the largest of the sweep stands for it.
    let no_stale = sizes.iter().all(|cell| {
        cell.band("stale_ratio")
            .is_some_and(|band| band.mean == 0.0)
    });
    let (ceiling, called) = match largest.values("offered_hit_ratio").filter(|_| no_stale) {
        Some(ceiling) => (ceiling, CEILING),
        None => (largest.values(GOAL)?, "what the largest reaches"),
    };
    let wanted: Vec<f64> = ceiling.iter().map(|value| value * NEAR).collect();
    let sure = |cell: &&&Cell| {
        cell.values(GOAL).is_some_and(|values| {
            let over = Band::of_difference(&values, &wanted, sizes.len());
            if sweep.seeds.len() > 1 {
                over.mean - over.half.unwrap_or(0.0) >= 0.0
            } else {
                over.mean >= 0.0
            }
        })
    };
    let held = held(sweep, best, axis);
    let ceiling = with_noise(Band::of(&ceiling, 1));
    let of = |cell: &Cell| {
        let band = cell.band(GOAL);
        band.map_or(String::new(), with_noise)
    };
    let value = |cell: &Cell| spec.values[cell.choice[axis]].clone();
    Some(match sizes.iter().find(sure) {
        Some(cell) if std::ptr::eq(*cell, *largest) && called != CEILING => format!(
            "no size below {}{held} surely reaches 95 % of what it reaches ({ceiling})",
            value(cell)
        ),
        Some(cell) => format!(
            "{}{held} is the smallest that reaches 95 % of {called} ({} of {ceiling})",
            value(cell),
            of(cell)
        ),
        None => format!(
            "no size{held} surely reaches 95 % of {called}: {} comes to {} of {ceiling}",
            value(largest),
            of(largest)
        ),
    })
}

/// The other settings of a cell, as ` with eviction=lru`.
fn held(sweep: &Sweep, cell: &Cell, axis: usize) -> String {
    let others = sweep.axes.iter().enumerate().zip(&cell.choice);
    let others = others.filter(|((index, other), _)| *index != axis && other.values.len() > 1);
    let mut words: Vec<String> = others
        .map(|((_, other), value)| format!("{}={}", sweep.short(other), other.values[*value]))
        .collect();
    if sweep.variants.len() > 1 {
        words.push(format!("variant {}", cell.variant));
    }
    match words.is_empty() {
        true => String::new(),
        false => format!(" with {}", words.join(" and ")),
    }
}

/// Which value of a setting is best on average over all else, if one surely is. Nothing, if fewer than two have a hit ratio.
fn compared(
    sweep: &Sweep,
    name: &str,
    values: &[String],
    of: &dyn Fn(&Cell) -> usize,
) -> Option<String> {
    // A variant without a cache, such as `direct`, has no hit ratio whatever the settings: it takes no part.
    let caches = |variant: &str| {
        let mut cells = sweep.cells.iter().filter(|cell| cell.variant == variant);
        cells.any(|cell| cell.band(GOAL).is_some())
    };
    let all = sweep.cells.iter();
    let cells: Vec<&Cell> = all.filter(|cell| caches(&cell.variant)).collect();
    // Where values differ in what can be cached or answered at all, shares of that would compare different requests.
    let coverage = |cell: &&Cell| {
        cell.band("cache_coverage")
            .map(|band| (of(cell), band.mean))
    };
    let covered: Vec<(usize, f64)> = cells.iter().filter_map(coverage).collect();
    let mean_of = |index: usize| {
        let own = covered.iter().filter(|(value, _)| *value == index);
        let (sum, count) = own.fold((0.0, 0), |(sum, count), (_, mean)| (sum + mean, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    let means: Vec<f64> = (0..values.len()).filter_map(mean_of).collect();
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    let alike = means.iter().all(|mean| mean - least < 0.001);
    let (goal, called) = match alike {
        true => (GOAL, "hit ratio"),
        false => (
            "overall_hit_ratio",
            "the overall hit ratio, of all requests,",
        ),
    };
    // Per value the mean over its cells, by seed.
    let rivals: Vec<(&String, Vec<f64>)> = values
        .iter()
        .enumerate()
        .filter_map(|(index, value)| {
            let cells = cells.iter().filter(|cell| of(cell) == index);
            let all: Vec<Vec<f64>> = cells.map(|cell| cell.values(goal)).collect::<Option<_>>()?;
            if all.is_empty() {
                return None;
            }
            let mean = |seed| all.iter().map(|values| values[seed]).sum::<f64>() / all.len() as f64;
            Some((value, (0..sweep.seeds.len()).map(mean).collect()))
        })
        .collect();
    let mean = |values: &[f64]| Band::of(values, 1).mean;
    let mut ranked: Vec<&(&String, Vec<f64>)> = rivals.iter().collect();
    ranked.sort_by(|a, b| mean(&b.1).total_cmp(&mean(&a.1)));
    let [best, second, ..] = ranked.as_slice() else {
        return None;
    };
    let pairs = ranked.len() - 1;
    let lead = |other: &(&String, Vec<f64>)| Band::of_difference(&best.1, &other.1, pairs);
    let axes = sweep.axes.iter().filter(|axis| axis.values.len() > 1);
    let variants = sweep.variants.iter().filter(|variant| caches(variant));
    let others = axes.count() + usize::from(variants.count() > 1);
    let average = if others > 1 {
        ", on average over the rest"
    } else {
        ""
    };
    if sweep.seeds.len() < 2 {
        let points = 100.0 * lead(second).mean;
        if points == 0.0 {
            return Some(format!(
                "{name} {} and {} do equally well",
                best.0, second.0
            ));
        }
        return Some(format!(
            "{name} {} happens to lead {} by {points:.2} points{average}",
            best.0, second.0
        ));
    }
    let tied: Vec<&str> = ranked[1..]
        .iter()
        .filter(|other| !lead(other).is_above_zero())
        .map(|other| other.0.as_str())
        .collect();
    if tied.is_empty() {
        let band = lead(second);
        let (points, half) = (100.0 * band.mean, 100.0 * band.half.unwrap_or(0.0));
        return Some(format!(
            "{name} {} is best, {points:.2} ± {half:.2} points of {called} before {}{average}",
            best.0, second.0
        ));
    }
    let names: Vec<&str> = [best.0.as_str()].into_iter().chain(tied).collect();
    let behind = match names.len() == ranked.len() {
        true => String::new(),
        false => ", before the others".to_owned(),
    };
    Some(format!(
        "the noise names no winner among {name} {}{behind}{average}",
        listed(&names)
    ))
}

/// `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [firsts @ .., last] => format!("{} and {last}", firsts.join(", ")),
    }
}

/// A ratio with its noise.
fn with_noise(band: Band) -> String {
    Unit::Ratio.show_with_noise(band.mean, band.half)
}
