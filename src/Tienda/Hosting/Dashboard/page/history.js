// What this page has seen: digests to take differences from, and the points of the charts.
import { beganAgain, figures, routes } from './figures.js';

const WINDOW = 30;
const LONGEST = 3600;
const DENSE = 60;
const SPARSE_STEP = 30;

export class History {
  #digests = [];
  #points = [];

  get points() {
    return this.#points;
  }

  get latest() {
    return this.#points.at(-1) ?? null;
  }

  get first() {
    return this.#digests[0] ?? null;
  }

  /** Takes a digest and answers the figures that follow from it. */
  add(digest) {
    const last = this.#digests.at(-1);
    if (last && beganAgain(digest, last)) {
      this.#digests = [];
      this.gap(digest.time - 0.001);
    }

    const then = this.#digests.findLast((d) => d.time <= digest.time - WINDOW) ?? this.#digests[0] ?? null;
    const point = { time: digest.time, ...figures(digest, then) };
    this.#digests.push(digest);
    this.#points.push(point);
    this.#forget(digest.time);
    return point;
  }

  /** Has the lines of the charts end here: nothing is known of the shop. */
  gap(time) {
    if (this.#points.length > 0 && !this.#points.at(-1).isGap) {
      this.#points.push({ time, isGap: true });
    }
  }

  /** Requests by route within the last seconds, and since when that is. */
  routes(seconds) {
    const now = this.#digests.at(-1);
    const then = this.#digests.find((d) => d.time >= now.time - seconds);
    return { since: then.time, rows: routes(now, then) };
  }

  #forget(now) {
    this.#points = this.#points.filter((p) => p.time >= now - LONGEST);
    // A digest is some ten kilobytes: of the older ones two a minute are enough.
    let kept = -Infinity;
    this.#digests = this.#digests.filter((d) => {
      const keep = d.time >= now - DENSE || (d.time >= now - LONGEST && d.time - kept >= SPARSE_STEP);
      kept = keep ? d.time : kept;
      return keep;
    });
  }
}
