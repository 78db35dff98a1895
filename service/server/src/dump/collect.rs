//! The statistics of this moment, from everybody who counts.

use crate::engine::Engine;
use crate::latency::Latency;
use gralloc_allocator::ledger::{Account, ClientAccount};
use gralloc_allocator::ports::MemoryGauge;
use gralloc_allocator::statistics::{
    ClientStatistics, HeapStatistics, LatencyStatistics, LimitStatistics, MemoryStatistics, PoolReport, RuleStatistics,
    Statistics, WatchStatistics,
};
use gralloc_heaps::watch::Source;
use heaps_config::policy::{Limits, Rule};
use std::iter::repeat;

pub(super) fn statistics(engine: &Engine) -> Statistics {
    let policy = engine.policy();
    let snapshot = engine.ledger().statistics();
    let counts = engine.stats().counts();
    let Limits { request_bytes, client_bytes, total_bytes, reserve_bytes, buffers_per_request, .. } = policy.limits;
    let available_bytes = engine.gauge().available_bytes();
    let report = engine.heaps().describe();
    let accounts = snapshot.heaps.iter().copied().chain(repeat(Account::default()));
    let heaps = policy.heaps.iter().zip(&report.heaps).zip(accounts).zip(&counts.latencies).map(
        |(((heap, state), account), latency)| HeapStatistics {
            name: heap.name.clone(),
            node: state.node.clone(),
            state: state.state.word().to_owned(),
            explanation: state.state.to_string(),
            protected: heap.protected,
            budget_bytes: heap.budget_bytes,
            account,
            latency: latency_statistics(latency),
        },
    );
    let watch = |(source, watches): (Source, usize)| WatchStatistics { source: source.name().to_owned(), watches };
    let watches: Vec<WatchStatistics> =
        engine.tracker().map(|tracker| tracker.sources().map(watch).collect()).unwrap_or_default();
    let rule = |(rule, hits): (&Rule, &u64)| RuleStatistics { name: rule.name.clone(), hits: *hits };
    Statistics {
        service: allocator_aidl::ALLOCATOR_INSTANCE.to_owned(),
        interface_version: allocator_aidl::VERSION,
        policy: policy.name.clone(),
        heaps_from: report.source,
        stand_in: report.stand_in,
        unclaimed_nodes: report.unclaimed,
        problems: report.problems.into_iter().chain(engine.releases().problem()).collect(),
        uptime_ms: engine.now_ms(),
        releases_seen_through: watches.first().map(|watch| watch.source.clone()),
        watches,
        untracked_buffers: engine.releases().untracked(),
        requests: counts.requests,
        refusals: counts.refusals.into_iter().map(|(cause, count)| (cause.to_owned(), count)).collect(),
        memory: MemoryStatistics { available_bytes, reserve_bytes },
        limits: LimitStatistics { request_bytes, client_bytes, total_bytes, buffers_per_request },
        pool: pool(engine),
        heaps: heaps.collect(),
        rules: policy.rules.iter().zip(&counts.rules).map(rule).collect(),
        all: snapshot.all.account,
        clients: snapshot.clients.iter().map(client).collect(),
    }
}

fn pool(engine: &Engine) -> Option<PoolReport> {
    Some(PoolReport {
        pool: engine.pool().statistics()?,
        limit_bytes: engine.policy().pool.as_ref()?.total_bytes,
        pressure_seen_through: engine.pressure_source()?.to_owned(),
    })
}

fn latency_statistics(latency: &Latency) -> LatencyStatistics {
    let Latency { buckets, sum_us, max_us } = *latency;
    let (p50_us, p99_us) = (latency.percentile_us(50), latency.percentile_us(99));
    LatencyStatistics { count: latency.count(), sum_us, max_us, p50_us, p99_us, buckets: buckets.to_vec() }
}

fn client((uid, client): &(u32, ClientAccount)) -> ClientStatistics {
    let ClientAccount { account, reserved_bytes, refusals, .. } = *client;
    ClientStatistics { uid: *uid, reserved_bytes, refusals, account }
}
