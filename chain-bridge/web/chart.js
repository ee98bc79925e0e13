// chart: uPlot in our colours. Gaps stay gaps; times are local; the text alternative is the chart's
// label, and the numbers stand in tables beside it.
import { el } from './dom.js';
import { dayOf, hours, seconds, time } from './format.js';

let library = null;

function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    document.head.append(el('link', { rel: 'stylesheet', href: 'vendor/uplot.css' }));
    const script = el('script', { src: 'vendor/uplot.js' });
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => reject(new Error('the chart library did not load'));
    document.head.append(script);
  });
  return library;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

function axis(extra) {
  return {
    stroke: colour('ink-2'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line-2'), width: 1, size: 4 },
    ...extra,
  };
}

/** "23:00", and the day where it changes. */
function timeLabels(plot, splits) {
  let before = '';
  const close = splits.length > 1 && splits[1] - splits[0] < 60;
  return splits.map((t) => {
    const day = dayOf(new Date(t * 1000));
    const at = close ? seconds(t) : hours(t);
    const text = day === before || before === '' ? at : `${at}\n${day.slice(5)}`;
    before = day;
    return text;
  });
}

/**
 * A chart in `root` that follows its width and the theme until `signal` ends. series: [{label,
 * colour, fill, unit(value)}]; returns { show(times, ...columns) }.
 */
export async function chart(root, { label, series, unit, height = 190, zero = true, signal }) {
  const uPlot = await loadLibrary();
  root.classList.add('chart');
  root.setAttribute('role', 'img');
  root.setAttribute('aria-label', label);
  let plot = null;
  let data = [[], ...series.map(() => [])];

  function options() {
    return {
      width: Math.max(240, root.clientWidth),
      height,
      cursor: { y: false, points: { size: 7 } },
      legend: { live: true },
      scales: { y: { range: (_, min, max) => range(min, max) } },
      axes: [
        axis({ values: timeLabels, space: 70 }),
        axis({ size: 64, values: (_, splits) => splits.map((v) => unit(v)) }),
      ],
      series: [
        { label: 'Time', value: (_, t) => (t ? time(t) : '–') },
        ...series.map((one) => ({
          label: one.label,
          stroke: colour(one.colour),
          fill: one.fill && `${colour(one.colour).trim()}22`,
          width: 1.5,
          spanGaps: false,
          points: { show: false },
          value: (_, v) => unit(v),
        })),
      ],
    };
  }

  function range(min, max) {
    if (min === null || max === null) return [0, 1];
    const low = zero ? Math.min(0, min) : min;
    const room = Math.max((max - low) * 0.08, zero ? 5 : 1);
    return [low < 0 || !zero ? low - room : 0, max + room];
  }

  function build() {
    plot?.destroy();
    plot = new uPlot(options(), data, root);
  }

  const resized = new ResizeObserver(() => {
    if (plot && root.clientWidth) plot.setSize({ width: root.clientWidth, height });
  });
  build();
  resized.observe(root);
  window.addEventListener('theme', build, { signal });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', build, { signal });
  signal.addEventListener('abort', () => {
    resized.disconnect();
    plot.destroy();
  });
  return {
    show(...columns) {
      data = columns;
      plot.setData(data);
    },
    describe: (text) => root.setAttribute('aria-label', text),
  };
}
