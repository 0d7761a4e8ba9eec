/** Owns how results look: one table for people, one file for programs. */
import { writeFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { type Row, reaches } from './measure.ts';

function amount(value: number | undefined, unit: string): string {
  if (value === undefined) return '–';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, digits === 0 ? ' ' : '');
  return `${text} ${unit}`;
}

function targetOf(row: Row): string {
  if (row.target === undefined) return '';
  const sign = row.target.bound === 'at least' ? '≥' : '≤';
  const verdict = reaches(row, 'aim') ? 'aim met' : reaches(row, 'must') ? 'met' : 'NOT met';
  return `${sign} ${row.target.must} (aim ${row.target.aim}): ${verdict}`;
}

function cellsOf(row: Row): string[] {
  const against =
    row.against === undefined ? '' : `${row.against.what}: ${amount(row.against.value, row.unit)}`;
  const ratio = row.against === undefined ? '' : (row.ratio?.toFixed(2) ?? '–');
  return [row.section, row.what, amount(row.value, row.unit), against, ratio, targetOf(row), row.note ?? ''];
}

/** The rows as one table of text. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['section', 'what', 'measured', 'against', 'ratio', 'to reach', 'note'];
  const cells = [head, ...rows.map(cellsOf)];
  const widths = head.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | '));
  const rule = widths.map((width) => '-'.repeat(width)).join('-|-');
  return [lines[0], rule, ...lines.slice(1)].map((line) => line?.trimEnd()).join('\n');
}

/** What the figures were taken on. */
export function machine(): Readonly<Record<string, string | number>> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
  };
}

/** Writes everything that was measured, single samples included. */
export function writeResults(path: string, run: Readonly<Record<string, unknown>>): void {
  writeFileSync(path, `${JSON.stringify(run, undefined, 2)}\n`);
}
