// The guide's figures: how they are written, what they are to be, and how they stand.

export const count = (v) => (v === null || v === undefined ? '–' : v >= 1e7 ? `${round(v / 1e6)}M` : round(v));
export const rate = (v) => (v === null || v === undefined ? '–' : v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2));
export const percent = (v) => (v === null || v === undefined ? '–' : `${(v * 100).toFixed(v > 0 && v < 0.1 ? 2 : 1)} %`);
export const bytes = (v) => (v === null || v === undefined ? '–'
  : v >= 2 ** 30 ? `${(v / 2 ** 30).toFixed(2)} GiB`
  : `${(v / 2 ** 20).toFixed(0)} MiB`);
export const duration = (v) => (v === null || v === undefined ? '–'
  : v >= 1 ? `${v.toFixed(2)} s`
  : v >= 0.1 ? `${(v * 1000).toFixed(0)} ms`
  : v >= 0.01 ? `${(v * 1000).toFixed(1)} ms`
  : `${(v * 1000).toFixed(2)} ms`);

function round(v) {
  return Number.isInteger(v) ? String(v) : v.toFixed(1);
}

const below = (objective, critical) => (v) => (v < objective ? 'good' : v < critical ? 'warning' : 'critical');
const above = (objective, critical) => (v) => (v > objective ? 'good' : v > critical ? 'warning' : 'critical');

// "judge" is left out where a small figure is no fault: a shop without customers is not slow.
export const targets = [
  { key: 'connections', name: 'Users at the same time', format: count, objective: 'up to 400', critical: '500', judge: below(400, 500) },
  { key: 'rps', name: 'Requests per second', format: rate, objective: '100–200', critical: '80', note: 'as many as come' },
  { key: 'p50', name: 'Response time p50', format: duration, objective: '< 100 ms', critical: '200 ms', judge: below(0.1, 0.2) },
  { key: 'p95', name: 'Response time p95', format: duration, objective: '< 200 ms', critical: '500 ms', judge: below(0.2, 0.5) },
  { key: 'errorRate', name: 'Error rate', format: percent, objective: '< 1 %', critical: '5 %', judge: below(0.01, 0.05) },
  { key: 'hitRate', name: 'Cache hit rate', format: percent, objective: '> 70 %', critical: '50 %', judge: above(0.7, 0.5) },
  { key: 'pool', name: 'Pool utilization', format: percent, objective: '< 70 %', critical: '90 %', judge: below(0.7, 0.9) },
];

export const words = { good: 'on target', warning: 'off target', critical: 'critical', none: 'no figure yet' };

/** good, warning, critical, or none if nothing can be said. */
export const stateOf = (target, value) => (value === null || value === undefined || !target.judge ? 'none' : target.judge(value));

/** The facts beside the targets: [name, text, state, what to know about it]. */
export function facts(f) {
  const up = (value, latency, absent, down) => (value === null ? [absent, 'none', '']
    : value > 0 ? ['up', 'good', latency === null ? '' : `answers in ${duration(latency)}`] : ['down', down, 'does not answer']);
  const workers = [f.silent > 0 && `${f.silent} silent`, f.restarts > 0 && `${f.restarts} died so far`].filter(Boolean).join(', ');
  const refused = f.refusedOrders > 0;
  return [
    ['PostgreSQL', ...up(f.database, f.databaseLatency, '–', 'critical')],
    ['Redis', ...up(f.redis, f.redisLatency, 'not used', 'warning')],
    ['Workers', count(f.workers), f.silent > 0 ? 'critical' : 'good', workers || 'all of them report'],
    ['Requests under way', count(f.active), 'none', 'at this moment'],
    ['Orders waiting', count(f.queue), refused ? 'critical' : 'none',
      refused ? `${rate(f.refusedOrders)} refused per second` : `${rate(f.orders)} placed per second`],
    ['Database connections', `${f.used} of ${count(f.most)}`, f.waiting > 0 ? 'warning' : 'none',
      f.waiting > 0 ? `${f.waiting} requests wait for one` : 'in use'],
    ['Over the rate limit', rate(f.limited), 'none', 'refused per second'],
    ['Log lines lost', count(f.dropped), f.dropped > 0 ? 'warning' : 'none', 'since the start'],
  ];
}
