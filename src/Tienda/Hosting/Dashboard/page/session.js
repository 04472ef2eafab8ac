// Who looks, and how the shop is asked. Credentials stay in this object: no reload, no other tab and no other page can find them.

const PATIENCE = 10_000;

/** The shop did not give what it was asked for. */
export class Refusal extends Error {
  /** @param status of HTTP; 0 if there was no answer at all. */
  constructor(status, message, retryAfter = null) {
    super(message);
    Object.assign(this, { status, retryAfter });
  }
}

export class Session {
  #key = null;
  #tokens = null;

  useKey(key) {
    // Another character cannot even be sent.
    if (!/^[\x21-\x7e]+$/.test(key)) {
      throw new Refusal(401, 'This is no key.');
    }

    [this.#key, this.#tokens] = [key, null];
  }

  async signIn(email, password) {
    const answer = await ask('/auth/token', { method: 'POST', body: JSON.stringify({ email, password }) });
    [this.#key, this.#tokens] = [null, await answer.json()];
  }

  /** Forgets everything, and has the shop end the session as well. */
  signOut() {
    const tokens = this.#tokens;
    [this.#key, this.#tokens] = [null, null];
    if (tokens) {
      ask('/auth/logout', { method: 'POST', body: JSON.stringify({ refresh_token: tokens.refresh_token }) }).catch(() => {});
    }
  }

  /** The text of all figures. */
  async metrics() {
    try {
      return await this.#fetchMetrics();
    } catch (refusal) {
      if (refusal.status !== 401 || !this.#tokens) {
        throw refusal;
      }

      // An access token lasts a quarter of an hour.
      const answer = await ask('/auth/refresh', { method: 'POST', body: JSON.stringify({ refresh_token: this.#tokens.refresh_token }) });
      this.#tokens = await answer.json();
      return this.#fetchMetrics();
    }
  }

  async #fetchMetrics() {
    const headers = this.#key !== null ? { 'X-API-Key': this.#key }
      : this.#tokens ? { Authorization: `Bearer ${this.#tokens.access_token}` } : {};
    const answer = await ask('/dashboard/metrics', { headers: { Accept: 'text/plain', ...headers } });
    return answer.text();
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, {
      ...options,
      headers: { ...(options.body ? { 'Content-Type': 'application/json' } : {}), ...options.headers },
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch (lost) {
    throw new Refusal(0, lost.name === 'TimeoutError' ? `The shop did not answer within ${PATIENCE / 1000} seconds.` : 'The shop cannot be reached.');
  }

  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    const retryAfter = Number(answer.headers.get('Retry-After')) || null;
    throw new Refusal(answer.status, problem.detail ?? problem.title ?? `The answer was ${answer.status}.`, retryAfter);
  }

  return answer;
}
