// The charts, drawn by uPlot, each with its legend, the guide's lines, and the same figures as a table.
import { bytes, count, duration, percent, rate } from './targets.js';

const HEIGHT = 176;
const ROWS = 40;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

const upTo = (least, hard = Infinity) => (_, __, max) => [0, Math.min(hard, Math.max(least, (max ?? 0) * 1.12))];

// Response times span four powers of ten, targets included; on a straight scale either the targets or the times would not be seen.
const powers = (_, min, max) => [Math.min(0.0005, 10 ** Math.floor(Math.log10(min || 0.0005))), Math.max(1, max ?? 1)];

const definitions = [
  { title: 'Requests per second', format: rate, range: upTo(10), series: [['rps', 'all'], ['errors', 'errors (5xx)', 'bad']],
    lines: [[100, 'objective 100', 'good'], [80, 'critical 80', 'critical']] },
  { title: 'Response time', format: duration, range: powers, log: true, series: [['p50', 'p50'], ['p95', 'p95'], ['p99', 'p99']],
    lines: [[0.1, 'p50 objective 100 ms', 'good', true], [0.2, 'p95 objective 200 ms', 'warning'], [0.5, 'p95 critical 500 ms', 'critical']] },
  { title: 'Error rate', format: percent, range: upTo(0.06, 1), series: [['errorRate', 'errors', 'bad']],
    lines: [[0.01, 'objective 1 %', 'warning'], [0.05, 'critical 5 %', 'critical']] },
  { title: 'Cache hit rate', format: percent, range: () => [0, 1.04], series: [['hitRate', 'hits']],
    lines: [[0.7, 'objective 70 %', 'warning'], [0.5, 'critical 50 %', 'critical']] },
  { title: 'Pool utilization', format: percent, range: () => [0, 1.04], series: [['pool', 'in use']],
    lines: [[0.7, 'objective 70 %', 'warning'], [0.9, 'critical 90 %', 'critical']] },
  { title: 'Users at the same time', format: count, range: upTo(10), series: [['connections', 'connections'], ['active', 'requests under way']],
    lines: [[400, 'objective 400', 'warning'], [500, 'critical 500', 'critical']] },
  { title: 'Orders', format: rate, range: upTo(5), series: [['orders', 'placed per second'], ['queue', 'waiting']], lines: [] },
  { title: 'CPU of the workers', format: percent, range: () => [0, 1.04], series: [['cpu', 'of all processors']], lines: [] },
  { title: 'Memory of the workers', format: bytes, range: upTo(2 ** 26), bytes: true, series: [['memory', 'working set']], lines: [] },
];

export class Charts {
  #charts;

  constructor(place) {
    this.#charts = definitions.map((definition, i) => new Chart(place, definition, i));
    document.addEventListener('themechange', () => this.#charts.forEach((chart) => chart.plot.redraw(false, true)));
  }

  /** Shows the points of the last seconds. */
  show(points, seconds) {
    const now = points.at(-1)?.time ?? 0;
    const shown = points.filter((p) => p.time >= now - seconds);
    for (const chart of this.#charts) {
      chart.show(shown, seconds);
    }
  }
}

class Chart {
  #definition;
  #points = [];
  #legend;
  #moment;
  #canvas;
  #table;

  constructor(place, definition, number) {
    this.#definition = definition;
    const card = document.createElement('figure');
    card.className = 'card chart';
    const head = document.createElement('figcaption');
    const title = Object.assign(document.createElement('h3'), { textContent: definition.title, id: `chart-${number}` });
    this.#moment = Object.assign(document.createElement('span'), { className: 'quiet moment' });
    const button = Object.assign(document.createElement('button'), { type: 'button', className: 'small', textContent: 'Table' });
    button.setAttribute('aria-pressed', 'false');
    button.setAttribute('aria-label', `${definition.title} as a table`);
    button.addEventListener('click', () => this.#toggle(button));
    head.append(title, this.#moment, button);
    this.#legend = document.createElement('ul');
    this.#legend.className = 'legend';
    for (const [, label, kind] of definition.series) {
      const entry = document.createElement('li');
      entry.className = `series-${kind ?? this.#legend.childElementCount + 1}`;
      entry.append(Object.assign(document.createElement('i'), { ariaHidden: 'true' }), label, ' ', document.createElement('b'));
      this.#legend.append(entry);
    }

    this.#canvas = Object.assign(document.createElement('div'), { className: 'plot' });
    this.#canvas.setAttribute('role', 'img');
    this.#table = Object.assign(document.createElement('div'), { className: 'scroll figures-table', hidden: true, tabIndex: 0 });
    this.#table.setAttribute('role', 'region');
    this.#table.setAttribute('aria-labelledby', title.id);
    card.append(head, this.#legend, this.#canvas, this.#table);
    place.append(card);
    this.plot = new uPlot(this.#options(), [[], ...definition.series.map(() => [])], this.#canvas);
    new ResizeObserver(() => this.#fit()).observe(this.#canvas);
  }

  show(points, seconds) {
    this.#points = points;
    const last = points.at(-1)?.time ?? 0;
    const first = Math.min(Math.max(points[0]?.time ?? 0, last - seconds), last - 60);
    this.plot.batch(() => {
      this.plot.setData([points.map((p) => p.time), ...this.#definition.series.map(([key]) => points.map((p) => p[key] ?? null))], false);
      this.plot.setScale('x', { min: first, max: last });
    });
    this.#tell();
    if (!this.#table.hidden) {
      this.#fillTable();
    }
  }

  // The figures under the cursor, or else the latest.
  #tell() {
    const at = this.plot.cursor.idx;
    const point = (at !== null && at !== undefined && this.plot.cursor.left >= 0 ? this.#points[at] : null) ?? this.#points.at(-1);
    this.#moment.textContent = point && point !== this.#points.at(-1) ? time(point.time) : '';
    const texts = this.#definition.series.map(([key]) => this.#definition.format(point?.[key] ?? null));
    this.#legend.querySelectorAll('b').forEach((b, i) => {
      b.textContent = texts[i];
    });
    this.#canvas.setAttribute('aria-label', `Chart of ${this.#definition.title.toLowerCase()}: `
      + this.#definition.series.map(([, label], i) => `${label} ${texts[i]}`).join(', '));
  }

  #toggle(button) {
    this.#table.hidden = !this.#table.hidden;
    this.#canvas.hidden = !this.#table.hidden;
    button.setAttribute('aria-pressed', String(!this.#table.hidden));
    this.#fillTable();
    this.#fit();
  }

  #fillTable() {
    const table = document.createElement('table');
    const head = table.createTHead().insertRow();
    for (const label of ['Time', ...this.#definition.series.map(([, l]) => l)]) {
      head.append(Object.assign(document.createElement('th'), { scope: 'col', textContent: label }));
    }

    const body = table.createTBody();
    for (const point of this.#points.filter((p) => !p.isGap).slice(-ROWS).reverse()) {
      const row = body.insertRow();
      for (const text of [time(point.time), ...this.#definition.series.map(([key]) => this.#definition.format(point[key]))]) {
        row.insertCell().textContent = text;
      }
    }

    this.#table.replaceChildren(table);
  }

  #fit() {
    const width = this.#canvas.clientWidth;
    if (width > 0 && width !== this.plot.width) {
      this.plot.setSize({ width, height: HEIGHT });
    }
  }

  #options() {
    const { series, range, log, format, bytes: isBytes } = this.#definition;
    const axis = { stroke: () => css('--quiet'), font: '11px system-ui, sans-serif', ticks: { show: false } };
    return {
      width: 300,
      height: HEIGHT,
      padding: [10, 6, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        sync: { key: 'dashboard' },
        points: { size: 7, width: 2, fill: () => css('--card') },
      },
      scales: { x: { time: true, auto: false }, y: { range, distr: log ? 3 : 1 } },
      axes: [
        { ...axis, space: 70, size: 26, grid: { show: false }, values: '{HH}:{mm}:{ss}' },
        {
          ...axis,
          size: 54,
          space: 30,
          grid: { stroke: () => css('--grid'), width: 1 },
          ...(log ? { splits: () => [0.0001, 0.001, 0.01, 0.1, 1, 10], filter: (u, splits) => splits } : {}),
          ...(isBytes ? { incrs: [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map((m) => m * 2 ** 20) } : {}),
          values: (_, splits) => splits.map((v) => (v === null ? '' : format(v).replace(/\.0+(?= |$)/, ''))),
        },
      ],
      series: [{}, ...series.map(([, , kind], i) => ({
        stroke: () => css(`--series-${kind ?? i + 1}`),
        fill: i === 0 && !log ? () => css(`--fill-${kind ?? 1}`) : undefined,
        width: 2,
        points: { show: (u) => u.data[0].length < 3, size: 5 },
      }))],
      hooks: { draw: [(u) => this.#drawLines(u)], setCursor: [() => this.#tell()] },
    };
  }

  #drawLines(u) {
    const { ctx, bbox } = u;
    const px = devicePixelRatio;
    const right = bbox.left + bbox.width - 2 * px;
    const lines = this.#definition.lines.map(([value, label, kind, isBelow]) => {
      const y = Math.round(u.valToPos(value, 'y', true));
      // One that lies above what is shown is named at the upper edge.
      return y < bbox.top ? { label: `${label} ↑`, kind, labelY: bbox.top + 9 * px } : { label, kind, y, labelY: y + (isBelow ? 12 : -4) * px };
    });
    ctx.save();
    Object.assign(ctx, { font: `${10.5 * px}px system-ui, sans-serif`, textAlign: 'right', textBaseline: 'alphabetic', lineWidth: px });
    ctx.setLineDash([5 * px, 4 * px]);
    for (const { y, kind } of lines.filter((line) => line.y !== undefined)) {
      ctx.strokeStyle = css(`--${kind}`);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }

    ctx.setLineDash([]);
    Object.assign(ctx, { strokeStyle: css('--card'), lineWidth: 4 * px, lineJoin: 'round' });
    let [lastY, x] = [-Infinity, right];
    for (const { label, kind, labelY } of lines) {
      // Side by side where one above the other could not be read.
      x = Math.abs(labelY - lastY) < 12 * px ? x : right;
      lastY = labelY;
      ctx.fillStyle = css(`--${kind}`);
      ctx.strokeText(label, x, labelY);
      ctx.fillText(label, x, labelY);
      x -= ctx.measureText(label).width + 10 * px;
    }

    ctx.restore();
  }
}
