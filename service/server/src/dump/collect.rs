//! The statistics of this moment, from everybody who counts.

use crate::engine::Engine;
use crate::latency::{micros, Histogram, Latency, Slow, PARTS};
use crate::pool::part_of;
use gralloc_allocator::ledger::{Account, ClientAccount};
use gralloc_allocator::ports::MemoryGauge;
use gralloc_allocator::statistics::{
    ClientStatistics, HeapStatistics, LatencyStatistics, LimitStatistics, MemoryStatistics, PartStatistics, PoolReport,
    RuleStatistics, SlowRequest, Statistics, WatchStatistics,
};
use gralloc_buffer::Usage;
use gralloc_heaps::watch::Source;
use gralloc_heaps::Accounting;
use heaps_config::policy::{Limits, Rule};
use heaps_config::Policy;
use std::iter::repeat;

/// `settled`: all releases that have happened are booked.
pub(super) fn statistics(engine: &Engine, settled: bool) -> Statistics {
    let policy = engine.policy();
    let snapshot = engine.ledger().statistics();
    let now_ms = engine.now_ms();
    let counts = engine.stats().counts(now_ms);
    let Limits { request_bytes, client_bytes, total_bytes, reserve_bytes, buffers_per_request, .. } = policy.limits;
    let available_bytes = engine.gauge().available_bytes();
    let report = engine.heaps().describe();
    let accounts = snapshot.heaps.iter().copied().chain(repeat(Account::default()));
    let heaps = policy.heaps.iter().zip(&report.heaps).zip(accounts).zip(&counts.latencies).map(
        |(((heap, state), account), (ever, minute))| HeapStatistics {
            name: heap.name.clone(),
            node: state.node.clone(),
            state: state.state.word().to_owned(),
            explanation: state.state.to_string(),
            region_bytes: state.region.map(|region| region.bytes),
            region_free_bytes: state.region.map(|region| region.free_bytes),
            protected: heap.protected,
            budget_bytes: heap.budget_bytes,
            account,
            latency: latency_statistics(&ever.total),
            latency_last_minute: latency_statistics(&minute.total),
            parts: parts(ever, minute),
        },
    );
    let watch = |(source, watches): (Source, usize)| WatchStatistics { source: source.name().to_owned(), watches };
    let watches: Vec<WatchStatistics> =
        engine.tracker().map(|tracker| tracker.sources().map(watch).collect()).unwrap_or_default();
    let slow = |requests: &[Slow]| requests.iter().map(|request| slow_request(request, policy, now_ms)).collect();
    let rule = |(rule, hits): (&Rule, &u64)| RuleStatistics { name: rule.name.clone(), hits: *hits };
    Statistics {
        service: allocator_aidl::ALLOCATOR_INSTANCE.to_owned(),
        interface_version: allocator_aidl::VERSION,
        policy: policy.name.clone(),
        heaps_from: report.source,
        stand_in: report.stand_in,
        unclaimed_nodes: report.unclaimed,
        shared_memory: report.shared,
        accounting: report.accounting.map_or("", Accounting::word).to_owned(),
        accounting_means: report.accounting.map_or(String::new(), |accounting| accounting.to_string()),
        problems: report.problems.into_iter().chain(engine.releases().problem()).collect(),
        uptime_ms: now_ms,
        releases_seen_through: watches.first().map(|watch| watch.source.clone()),
        watches,
        untracked_buffers: engine.releases().untracked(),
        scan_pending: !settled,
        requests: counts.requests,
        refusals: counts.refusals.into_iter().map(|(cause, count)| (cause.to_owned(), count)).collect(),
        memory: MemoryStatistics { available_bytes, reserve_bytes },
        limits: LimitStatistics { request_bytes, client_bytes, total_bytes, buffers_per_request },
        pool: pool(engine),
        heaps: heaps.collect(),
        rules: policy.rules.iter().zip(&counts.rules).map(rule).collect(),
        slowest: slow(&counts.slowest.0),
        slowest_last_minute: slow(&counts.slowest.1),
        all: snapshot.all.account,
        clients: snapshot.clients.iter().map(client).collect(),
    }
}

fn pool(engine: &Engine) -> Option<PoolReport> {
    Some(PoolReport {
        pool: engine.pool().statistics()?,
        limit_bytes: engine.pool().bounds()?.total_bytes,
        limit_means: part_of(engine.policy().pool.as_ref()?.total, engine.gauge().total_bytes()).unwrap_or_default(),
        pressure_seen_through: engine.pressure_source()?.to_owned(),
    })
}

fn latency_statistics(latency: &Histogram) -> LatencyStatistics {
    let Histogram { buckets, sum_us, max_us } = *latency;
    LatencyStatistics {
        count: latency.count(),
        sum_us,
        max_us,
        p50_us: latency.per_mille_us(500),
        p90_us: latency.per_mille_us(900),
        p99_us: latency.per_mille_us(990),
        p999_us: latency.per_mille_us(999),
        buckets: buckets.to_vec(),
    }
}

fn parts(ever: &Latency, minute: &Latency) -> Vec<PartStatistics> {
    let part = |(((name, _), ever), minute): (((&str, _), &Histogram), &Histogram)| PartStatistics {
        part: name.to_owned(),
        latency: latency_statistics(ever),
        latency_last_minute: latency_statistics(minute),
    };
    PARTS.into_iter().zip(&ever.parts).zip(&minute.parts).map(part).collect()
}

fn slow_request(request: &Slow, policy: &Policy, now_ms: u64) -> SlowRequest {
    let usage = Usage(u64::from_ne_bytes(request.usage.to_ne_bytes()));
    SlowRequest {
        took_us: micros(request.times.total),
        plan_us: micros(request.times.plan),
        admission_us: micros(request.times.admission),
        heap_us: micros(request.times.ioctl),
        reply_us: micros(request.times.reply),
        release_wait_us: micros(request.release_wait),
        pool_hits: request.pool_hits,
        heap: policy.heap_name(request.heap).to_owned(),
        bytes: request.bytes,
        count: request.count,
        name: request.name.to_string(),
        width: request.width,
        height: request.height,
        layers: request.layers,
        format: request.format,
        usage: usage.to_string(),
        usage_bits: usage.0,
        reserved_bytes: request.reserved_bytes,
        uid: request.client.uid,
        pid: request.client.pid,
        age_ms: now_ms.saturating_sub(request.answered_ms),
    }
}

fn client((uid, client): &(u32, ClientAccount)) -> ClientStatistics {
    let ClientAccount { account, reserved_bytes, refusals, .. } = *client;
    ClientStatistics { uid: *uid, reserved_bytes, refusals, account }
}
