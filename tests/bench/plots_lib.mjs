// Plots as SVG, drawn by gnuplot: one style for all of the project's figures.
import { spawnSync } from 'node:child_process';

const STYLE = `
set terminal svg size 640,400 dynamic font "sans-serif,13" background "white"
set border 3 lc rgb "#666666"
set tics nomirror textcolor rgb "#333333"
set grid lc rgb "#dddddd" lt 1
set key left top
set format y "%.0s%c"
`;
const COLOURS = ['#0b62a4', '#c8501e', '#3a7d44', '#7a3e9d'];

/**
 * Writes FILE with one line per series. `plot` has title, x and y (the axes' words), log ('x', 'y',
 * 'xy' or none) and series: [{name, points: [[x, y], ...]}].
 */
export function plotSvg(file, { title, x, y, log = '', series }) {
  const data = series.map(({ points }, i) => {
    const rows = points.filter(([, value]) => value !== undefined && value !== null);
    return `$data${i} << END\n${rows.map((row) => row.join(' ')).join('\n')}\nEND`;
  });
  const lines = series.map(
    ({ name }, i) =>
      `$data${i} using 1:2 with linespoints lw 2 pt ${5 + 2 * i} ps 0.6 lc rgb "${COLOURS[i]}" title "${name}"`,
  );
  const script = [
    STYLE,
    log ? `set logscale ${log}` : 'set yrange [0:*]',
    log.includes('x') ? 'set format x "%.0s%c"' : '',
    `set title "${title}"`,
    `set xlabel "${x}"`,
    `set ylabel "${y}"`,
    ...data,
    `set output "${file}"`,
    `plot ${lines.join(', ')}`,
  ].join('\n');
  const made = spawnSync('gnuplot', [], { input: script, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`gnuplot: ${made.error?.message ?? made.stderr}`);
}

/** The slope of a line through the logarithms: 1 where y grows as x does. */
export function exponent(points) {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)]);
  const mean = (i) => logs.reduce((sum, row) => sum + row[i], 0) / logs.length;
  const [mx, my] = [mean(0), mean(1)];
  const over = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return over / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}
