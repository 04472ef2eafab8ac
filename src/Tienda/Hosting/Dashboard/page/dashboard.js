// Asks the shop every few seconds and shows what it says; when it does not answer, says so and goes on asking, less and less often.
import { Charts } from './charts.js';
import { digest, parse, quantile } from './figures.js';
import { History } from './history.js';
import { Session } from './session.js';
import { count, duration, facts, percent, stateOf, targets, words } from './targets.js';

const LONGEST_WAIT = 30;
const FIRST_WAIT = 1;
const ENDED = new Set([401, 403]);

const $ = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const isOpen = document.documentElement.dataset.signIn === 'none';
const session = new Session();
let history = new History();
let charts = null;
let wake = () => {};
let watching = null;

/** Asks until it is told to stop, or until the shop no longer believes who asks. */
async function watch() {
  const mine = (watching = {});
  let failures = 0;
  while (watching === mine) {
    let wait;
    try {
      const text = await session.metrics();
      if (watching !== mine) {
        return;
      }

      history.add(digest(parse(text), Date.now() / 1000));
      wait = history.points.length < 2 ? FIRST_WAIT : Number($('every').value);
      failures = 0;
      $('trouble').hidden = true;
      show();
    } catch (refusal) {
      if (watching !== mine) {
        return;
      }

      if (ENDED.has(refusal.status)) {
        askWho(refusal.status === 403 ? 'This account is not an administrator’s.'
          : history.latest ? 'Your session has ended: sign in again.'
          : 'The shop does not know this key.');
        return;
      }

      history.gap(Date.now() / 1000);
      failures += 1;
      wait = Math.max(refusal.retryAfter ?? 0, Math.min(LONGEST_WAIT, 2 ** failures));
      showTrouble(refusal, wait);
    }

    await pause(wait);
  }
}

/** Waits, unless somebody or the network wakes it earlier. */
function pause(seconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

function begin() {
  history = new History();
  charts ??= new Charts($('charts'));
  $('sign-in').hidden = true;
  $('refusal').hidden = true;
  watch();
}

function askWho(refusal = null) {
  watching = null;
  session.signOut();
  for (const id of ['figures', 'pace', 'sign-out', 'trouble', 'verdict']) {
    $(id).hidden = true;
  }

  $('sign-in').hidden = false;
  $('refusal').hidden = refusal === null;
  $('refusal').textContent = refusal ?? '';
  ($('person').hidden ? $('api-key') : $('email')).focus();
}

function show() {
  const latest = history.latest;
  for (const id of ['figures', 'pace', 'verdict']) {
    $(id).hidden = false;
  }

  $('sign-out').hidden = isOpen;
  delete $('figures').dataset.stale;
  const states = showTargets(latest);
  const known = facts(latest);
  showFacts(known);
  showVerdict([...states, ...known.filter(([, , state]) => state !== 'none').map(([name, , state]) => [name, state])]);
  charts.show(history.points, Number($('range').value));
  showRoutes();
}

function showTargets(figures) {
  $('targets').replaceChildren(...targets.map((target) => {
    const value = figures[target.key];
    const state = stateOf(target, value);
    return make('li', { className: 'card target', id: `target-${target.key}` },
      make('h3', { textContent: target.name }),
      make('p', { className: 'value', textContent: target.format(value) }),
      make('p', { className: `chip ${state}`, textContent: target.note ?? words[state] }),
      make('p', { className: 'quiet', textContent: `objective ${target.objective}` }),
      make('p', { className: 'quiet', textContent: `critical ${target.critical}` }));
  }));
  return targets.map((target) => [target.name, stateOf(target, figures[target.key])]);
}

function showFacts(known) {
  $('state').replaceChildren(...known.map(([name, text, state, more]) => make('div', { className: 'card fact' },
    make('dt', { textContent: name }),
    make('dd', { className: `figure ${state}`, textContent: text }),
    make('dd', { className: 'quiet', textContent: more }))));
}

function showVerdict(states) {
  const of = (state) => states.filter(([, s]) => s === state).map(([name]) => name);
  const [critical, warning] = [of('critical'), of('warning')];
  const text = critical.length > 0 ? `Critical: ${critical.join(', ')}`
    : warning.length > 0 ? `Off target: ${warning.join(', ')}`
    : 'All is well';
  tell(text, critical.length > 0 ? 'critical' : warning.length > 0 ? 'warning' : 'good');
}

// Read out by screen readers, so only when it changes.
function tell(text, state) {
  if ($('verdict').textContent !== text) {
    $('verdict').textContent = text;
    $('verdict').dataset.state = state;
  }
}

function showRoutes() {
  const { since, rows } = history.routes(Number($('range').value));
  const all = rows.reduce((sum, row) => sum + row.count, 0);
  $('routes-since').textContent = `since ${new Date(since * 1000).toLocaleTimeString([], { hour12: false })}`;
  $('routes').replaceChildren(...rows.map((row) => {
    const [method, ...route] = row.name.split(' ');
    const p95 = quantile(0.95, row.buckets);
    const times = [duration(quantile(0.5, row.buckets)), duration(p95)];
    const cells = [count(row.count), percent(row.count / all), ...times, count(row.refused), count(row.errors)];
    const name = make('th', { scope: 'row' }, make('span', { className: 'method', textContent: method }), ` ${route.join(' ')}`);
    const line = make('tr', {}, name,
      ...cells.map((textContent) => make('td', { className: 'number', textContent })));
    line.children[4].classList.add(p95 < 0.2 ? 'fine' : p95 < 0.5 ? 'warning' : 'critical');
    line.children[6].classList.toggle('critical', row.errors > 0);
    return line;
  }));
  if (rows.length === 0) {
    $('routes').replaceChildren(make('tr', {}, make('td', { colSpan: 7, className: 'quiet', textContent: 'No requests yet.' })));
  }
}

function showTrouble(refusal, wait) {
  const reason = refusal.status ? `The shop answered ${refusal.status}: ${refusal.message}` : refusal.message;
  const asOf = history.latest ? ' What you see is old.' : '';
  $('trouble-text').textContent = `${reason}${asOf} Next try in ${wait} seconds.`;
  $('trouble').hidden = false;
  $('verdict').hidden = false;
  tell('No connection', 'critical');
  $('figures').dataset.stale = '';
  charts.show(history.points, Number($('range').value));
}

$('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = event.submitter ?? $('sign-in').querySelector('.primary');
  button.disabled = true;
  try {
    if ($('person').hidden) {
      session.useKey($('api-key').value.trim());
    } else {
      await session.signIn($('email').value.trim(), $('password').value);
    }

    $('password').value = $('api-key').value = '';
    begin();
  } catch (refusal) {
    const again = refusal.retryAfter ? ` Try again in ${refusal.retryAfter} seconds.` : '';
    $('refusal').textContent = refusal.status === 422 ? 'Enter your e-mail and your password.' : refusal.message + again;
    $('refusal').hidden = false;
  } finally {
    button.disabled = false;
  }
});

for (const how of document.querySelectorAll('input[name=how]')) {
  how.addEventListener('change', () => {
    $('person').hidden = how.value !== 'person';
    $('key').hidden = how.value !== 'key';
    $('refusal').hidden = true;
  });
}

$('sign-out').addEventListener('click', () => askWho());
$('retry').addEventListener('click', () => wake());
$('every').addEventListener('change', () => wake());
$('range').addEventListener('change', () => show());
addEventListener('online', () => wake());
$('host').textContent = location.host;
if (isOpen) {
  begin();
} else {
  askWho();
}
