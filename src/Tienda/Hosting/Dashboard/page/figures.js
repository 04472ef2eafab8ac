// What the shop's text of metrics says, and what follows from two of them: rates, shares and quantiles, as Prometheus works them out.

const HISTOGRAM = 'http_server_request_duration_seconds';
const OWN_ROUTE = '/dashboard';
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

const unescape = (text) => text.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));

/** The samples of a text, by metric: lists of {labels, value}. */
export function parse(text) {
  if (!text.endsWith('# EOF\n')) {
    throw new Error('The shop sent half of its figures.');
  }

  const metrics = new Map();
  for (const line of text.split('\n')) {
    const sample = line.startsWith('#') ? null : SAMPLE.exec(line);
    if (sample) {
      const labels = {};
      for (const [, name, value] of (sample[2] ?? '').matchAll(LABEL)) {
        labels[name] = unescape(value);
      }

      const list = metrics.get(sample[1]) ?? [];
      list.push({ labels, value: sample[3] === '+Inf' ? Infinity : Number(sample[3]) });
      metrics.set(sample[1], list);
    }
  }

  return metrics;
}

/** What is kept of one scrape. Times are in seconds. */
export function digest(metrics, time) {
  const sum = (name, match = {}) => {
    const found = (metrics.get(name) ?? []).filter((s) => Object.entries(match).every(([label, value]) => s.labels[label] === value));
    return found.length === 0 ? null : found.reduce((total, s) => total + s.value, 0);
  };
  const pool = { db_client_connection_pool_name: 'tienda' };
  const reads = sum('tienda_cache_reads_total');
  return {
    time,
    requests: requestsOf(metrics),
    counters: {
      reads,
      misses: sum('tienda_cache_reads_total', { result: 'miss' }),
      orders: sum('tienda_orders_batch_size_sum') ?? 0,
      cpu: sum('dotnet_process_cpu_time_seconds_total'),
      limited: sum('tienda_rate_limit_requests_total', { result: 'limited' }) ?? 0,
      refused: sum('tienda_orders_queue_refusals_total') ?? 0,
    },
    gauges: {
      connections: sum('kestrel_active_connections') ?? 0,
      active: Math.max(0, (sum('http_server_active_requests') ?? 0) - 1),
      queue: sum('tienda_orders_queue_length') ?? 0,
      used: sum('db_client_connection_count', { ...pool, db_client_connection_state: 'used' }) ?? 0,
      most: sum('db_client_connection_max', pool),
      waiting: sum('db_client_connection_npgsql_pending_requests', pool) ?? 0,
      memory: sum('dotnet_process_memory_working_set_bytes'),
      processors: sum('dotnet_process_cpu_count'),
      database: sum('tienda_database_up'),
      databaseLatency: sum('tienda_database_latency_seconds'),
      redis: sum('tienda_redis_up'),
      redisLatency: sum('tienda_redis_latency_seconds'),
      workers: sum('tienda_workers'),
      silent: sum('tienda_workers_silent') ?? 0,
      restarts: sum('tienda_worker_restarts_total', { reason: 'died' }) ?? 0,
      dropped: sum('tienda_log_dropped_total') ?? 0,
    },
  };
}

/** Whether the counters began again: the shop was started anew. */
export const beganAgain = (now, then) => now.counters.cpu < then.counters.cpu;

/** What happened between two digests, and what is now. Null is what cannot be told, such as the p95 of no requests. */
export function figures(now, then) {
  const seconds = then ? now.time - then.time : 0;
  const gained = (name) => (then && now.counters[name] !== null ? now.counters[name] - (then.counters[name] ?? 0) : null);
  const rate = (name) => (seconds > 0 && gained(name) !== null ? gained(name) / seconds : null);
  const share = (part, all) => (all > 0 ? part / all : null);
  const all = then ? total(routes(now, then)) : null;
  const g = now.gauges;
  return {
    ...g,
    rps: all && seconds > 0 ? all.count / seconds : null,
    errors: all && seconds > 0 ? all.errors / seconds : null,
    p50: all && quantile(0.5, all.buckets),
    p95: all && quantile(0.95, all.buckets),
    p99: all && quantile(0.99, all.buckets),
    errorRate: all && share(all.errors, all.count),
    hitRate: gained('reads') === null ? null : share(gained('reads') - gained('misses'), gained('reads')),
    pool: share(g.used, g.most),
    orders: rate('orders'),
    refusedOrders: rate('refused'),
    limited: rate('limited'),
    cpu: rate('cpu') === null ? null : share(rate('cpu'), g.processors),
  };
}

/** Requests by method and route between two digests, the most frequent first. */
export function routes(now, then) {
  const list = [];
  for (const [name, statuses] of now.requests) {
    const row = { name, count: 0, refused: 0, errors: 0, buckets: new Map() };
    for (const [status, buckets] of statuses) {
      const before = then.requests.get(name)?.get(status);
      for (const [bound, count] of buckets) {
        row.buckets.set(bound, (row.buckets.get(bound) ?? 0) + count - (before?.get(bound) ?? 0));
      }

      const count = (buckets.get(Infinity) ?? 0) - (before?.get(Infinity) ?? 0);
      row.count += count;
      row.refused += status >= 400 && status < 500 ? count : 0;
      row.errors += status >= 500 ? count : 0;
    }

    if (row.count > 0) {
      list.push(row);
    }
  }

  return list.sort((a, b) => b.count - a.count);
}

/** The quantile of cumulative counts by upper bounds; null of none. What lies beyond the last bound is at least that. */
export function quantile(q, buckets) {
  const bounds = [...buckets.keys()].sort((a, b) => a - b);
  const count = buckets.get(Infinity) ?? 0;
  if (count === 0) {
    return null;
  }

  const rank = q * count;
  const at = bounds.findIndex((bound) => buckets.get(bound) >= rank);
  if (bounds[at] === Infinity) {
    return bounds[at - 1];
  }

  const [low, below] = at === 0 ? [0, 0] : [bounds[at - 1], buckets.get(bounds[at - 1])];
  return low + (bounds[at] - low) * ((rank - below) / (buckets.get(bounds[at]) - below));
}

// Cumulative counts by upper bound, by status, by method and route.
function requestsOf(metrics) {
  const requests = new Map();
  for (const { labels, value } of metrics.get(`${HISTOGRAM}_bucket`) ?? []) {
    const route = labels.http_route ?? '(no route)';
    if (route === OWN_ROUTE || route.startsWith(`${OWN_ROUTE}/`)) {
      continue;
    }

    const name = `${labels.http_request_method} ${route}`;
    const statuses = requests.get(name) ?? new Map();
    const status = Number(labels.http_response_status_code);
    const buckets = statuses.get(status) ?? new Map();
    buckets.set(labels.le === '+Inf' ? Infinity : Number(labels.le), value);
    requests.set(name, statuses.set(status, buckets));
  }

  return requests;
}

function total(rows) {
  const all = { count: 0, errors: 0, buckets: new Map() };
  for (const row of rows) {
    all.count += row.count;
    all.errors += row.errors;
    for (const [bound, count] of row.buckets) {
      all.buckets.set(bound, (all.buckets.get(bound) ?? 0) + count);
    }
  }

  return all;
}
