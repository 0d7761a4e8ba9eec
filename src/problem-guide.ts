/** Owns what docs/problems.md says of each problem code, as the pages and the OpenAPI document show it. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type ProblemCode, problems } from './problems.ts';

/** One code, explained. `example` is a whole answer. */
export type ProblemGuide = Readonly<{
  code: ProblemCode;
  when: string;
  whatToDo: string;
  example: Readonly<Record<string, unknown>>;
}>;

// One level up from src/ and from dist/ alike.
const pageUrl = new URL('../docs/problems.md', import.meta.url);

const exampleSchema = z.record(z.string(), z.unknown());

/** The page as it is written, in Markdown. */
export function problemPageText(): string {
  return readFileSync(pageUrl, 'utf8');
}

const find = (pattern: RegExp, section: string, code: string): string => {
  const found = pattern.exec(section)?.[1];
  if (found === undefined) throw new Error(`docs/problems.md says too little of ${code}`);
  return found;
};

/**
 * Every code, explained, in the order of the table in problems.ts. Reads the page: call it once at the start. Throws
 * when a code is missing there.
 */
export function problemGuides(): readonly ProblemGuide[] {
  const sections = new Map(
    problemPageText()
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  );
  const codes = Object.keys(problems).filter((code): code is ProblemCode => code in problems);
  return codes.map((code) => {
    const section = sections.get(code) ?? '';
    return {
      code,
      when: find(/^When: (.+)$/m, section, code),
      whatToDo: find(/^What to do: (.+)$/m, section, code),
      example: exampleSchema.parse(JSON.parse(find(/```json\n(.+?)```/s, section, code))),
    };
  });
}
