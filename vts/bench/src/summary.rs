//! What the samples of a row say: percentiles, and ratios made round by round.

use crate::rows::{shown, Floor, Limit, Row};
use crate::samples::{RowSamples, Sample};
use serde::Serialize;

/// One row's statistics; times in the row's unit. What does not apply is null in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The row's name.
    pub row: String,
    /// The unit of the times.
    pub unit: &'static str,
    /// Rounds.
    pub n: usize,
    /// Half of ours took at most this.
    pub p50: f64,
    /// 99 of 100 of ours took at most this.
    pub p99: f64,
    /// Half of the raw system calls took at most this.
    pub raw_p50: Option<f64>,
    /// Half of the pings took at most this.
    pub ping_p50: Option<f64>,
    /// Median over the rounds of ours ÷ raw.
    pub ratio_raw: Option<f64>,
    /// Median over the rounds of ours ÷ limit, both of the same round.
    pub ratio_limit: Option<f64>,
    /// The 99th percentile of ours ÷ that of the limit.
    pub tail_limit: Option<f64>,
    /// Half of the bare service's took at most this.
    pub bare_p50: Option<f64>,
    /// Median over the rounds of the bare service's ÷ limit: what a service that does nothing else reaches. `None` where it is
    /// the limit.
    pub bare_ratio_limit: Option<f64>,
}

/// Whether a row reaches what it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It does.
    pub met: bool,
    /// What it must reach, in words.
    pub floor: String,
}

impl Summary {
    /// Sums a row up; `None` without samples.
    pub fn of(row: &Row, samples: &RowSamples) -> Option<Summary> {
        let all = |pick: fn(&Sample) -> Option<f64>| -> Option<Vec<f64>> { samples.samples.iter().map(pick).collect() };
        let ours = all(|sample| Some(sample.ours))?;
        let (raw, ping, bare) = (all(|sample| sample.raw), all(|sample| sample.ping), all(|sample| sample.bare));
        let limit: Option<Vec<f64>> = samples.samples.iter().map(|sample| sample.limit(row.limit)).collect();
        Some(Summary {
            row: row.name.to_owned(),
            unit: row.unit,
            n: ours.len(),
            p50: percentile(&ours, 50.0)?,
            p99: percentile(&ours, 99.0)?,
            raw_p50: raw.as_deref().and_then(|raw| percentile(raw, 50.0)),
            ping_p50: ping.as_deref().and_then(|ping| percentile(ping, 50.0)),
            ratio_raw: raw.and_then(|raw| median_ratio(&ours, &raw)),
            ratio_limit: limit.as_deref().and_then(|limit| median_ratio(&ours, limit)),
            tail_limit: limit.as_deref().and_then(|limit| Some(percentile(&ours, 99.0)? / percentile(limit, 99.0)?)),
            bare_p50: bare.as_deref().and_then(|bare| percentile(bare, 50.0)),
            bare_ratio_limit: bare
                .filter(|_| row.limit != Limit::Bare)
                .zip(limit)
                .and_then(|(bare, limit)| median_ratio(&bare, &limit)),
        })
    }

    /// Compares with the row's floor; `None` where it has none.
    pub fn verdict(&self, row: &Row) -> Option<Verdict> {
        let (value, most, floor) = match row.floor {
            Floor::RatioLimit(most) => (self.ratio_limit, most, format!("÷ limit ≤ {most}")),
            Floor::RatioRaw(most) => (self.ratio_raw, most, format!("÷ raw ≤ {most}")),
            // The table's own columns have the medians' quotient.
            Floor::Tail(most) => {
                let quotient = self.tail_limit.map_or("none".to_owned(), |quotient| format!("{quotient:.3}"));
                (self.tail_limit, most, format!("p99 ÷ limit's {quotient} ≤ {most}"))
            }
            Floor::Median(most) => (Some(self.p50), most, format!("p50 ≤ {most} {}", shown(row.unit))),
            Floor::Most(most) => (Some(self.p99), most, format!("≤ {most} {}", shown(row.unit))),
            Floor::AboveBare(most) => {
                let above = self.bare_p50.map(|bare| self.p50 - bare);
                (above, most, format!("p50 − bare's ≤ {most} {}", shown(row.unit)))
            }
            Floor::Told => return None,
        };
        Some(Verdict { met: value.is_some_and(|value| value <= most), floor })
    }
}

fn median_ratio(ours: &[f64], other: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = ours.iter().zip(other).map(|(ours, other)| ours / other).collect();
    percentile(&ratios, 50.0)
}

/// The smallest value that `percent` of 100 are no larger than (nearest rank); `None` without values.
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let before = sorted.iter().enumerate().find(|(index, _)| {
        let rank = u32::try_from(index.saturating_add(1)).unwrap_or(u32::MAX);
        let all = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
        f64::from(rank) * 100.0 >= percent * f64::from(all)
    });
    before.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{COLD_1080P, COLD_4KIB, MAPPER_DIRTY, PLAN, RSS, TAIL_1080P};

    fn of(samples: &[(f64, f64, f64)]) -> RowSamples {
        let samples =
            samples.iter().map(|&(ours, raw, ping)| Sample { raw: Some(raw), ping: Some(ping), ..Sample::alone(ours) });
        RowSamples { row: String::new(), samples: samples.collect() }
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 50.0), Some(100.0));
        assert_eq!(percentile(&values, 99.0), Some(198.0));
        assert_eq!(percentile(&values, 100.0), Some(200.0));
        assert_eq!(percentile(&[7.0], 99.0), Some(7.0));
        assert_eq!(percentile(&[], 50.0), None);
    }

    #[test]
    fn ratios_are_made_round_by_round() {
        // The machine was ten times slower in the second and third round; the ratio does not see it.
        let rounds = of(&[(10.4, 5.0, 5.0), (104.0, 50.0, 50.0), (140.0, 50.0, 50.0)]);
        let summary = Summary::of(&COLD_1080P, &rounds).unwrap();
        assert_eq!((summary.n, summary.p50, summary.raw_p50, summary.ping_p50), (3, 104.0, Some(50.0), Some(50.0)));
        assert_eq!((summary.ratio_raw, summary.ratio_limit), (Some(2.08), Some(1.04)));
        assert!(summary.verdict(&COLD_1080P).unwrap().met);
    }

    #[test]
    fn tails_are_compared_whichever_round_they_are_of() {
        let mut samples = vec![(10.0, 10.0, 0.0); 98];
        samples.extend([(44.0, 10.0, 0.0), (10.0, 40.0, 0.0)]);
        samples.extend([(44.0, 10.0, 0.0), (10.0, 40.0, 0.0)]);
        let summary = Summary::of(&TAIL_1080P, &of(&samples)).unwrap();
        assert_eq!((summary.ratio_limit, summary.tail_limit), (Some(1.0), Some(1.1)));
        assert!(summary.verdict(&TAIL_1080P).unwrap().met);
        assert!(!Summary { tail_limit: Some(1.2), ..summary }.verdict(&TAIL_1080P).unwrap().met);
    }

    #[test]
    fn what_does_not_apply_is_null() {
        let alone = |value| RowSamples { row: String::new(), samples: vec![Sample::alone(value)] };
        let summary = Summary::of(&PLAN, &alone(1200.0)).unwrap();
        assert!(!summary.verdict(&PLAN).unwrap().met);
        let json = serde_json::to_value(&summary).unwrap();
        for key in ["raw_p50", "ping_p50", "ratio_raw", "ratio_limit"] {
            assert!(json[key].is_null(), "{key}");
        }
        assert!(Summary::of(&RSS, &alone(2560.0)).unwrap().verdict(&RSS).unwrap().met);
        assert_eq!(Summary::of(&RSS, &RowSamples { row: String::new(), samples: Vec::new() }), None);
    }

    #[test]
    fn bare_as_the_limit_is_shown_once_and_what_is_above_it_is_judged() {
        let beside = |ours, bare| Sample { bare: Some(bare), ..Sample::alone(ours) };
        let samples = |ours| RowSamples { row: String::new(), samples: vec![beside(ours, 100.0); 3] };
        let summary = Summary::of(&COLD_4KIB, &samples(110.0)).unwrap();
        assert_eq!((summary.ratio_limit, summary.bare_p50, summary.bare_ratio_limit), (Some(1.1), Some(100.0), None));
        for (ours, met) in [(164.0, true), (168.0, false)] {
            assert_eq!(Summary::of(&MAPPER_DIRTY, &samples(ours)).unwrap().verdict(&MAPPER_DIRTY).unwrap().met, met);
        }
    }

    #[test]
    fn limit_without_its_parts_is_not_met() {
        let alone = RowSamples { row: String::new(), samples: vec![Sample::alone(1.0)] };
        let summary = Summary::of(&COLD_4KIB, &alone).unwrap();
        assert_eq!(summary.ratio_limit, None);
        assert!(!summary.verdict(&COLD_4KIB).unwrap().met);
    }
}
