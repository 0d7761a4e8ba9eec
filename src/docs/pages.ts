/** Owns the documentation pages as HTML: the one that shows the API, and the one that explains its problems. */
import { Marked } from 'marked';
import { problemPageText } from '../problem-guide.ts';
import { problems } from '../problems.ts';

/** A page around `content`. `root` leads from the page's own path to the server's root, as in `../`. */
function page(options: { title: string; root: string; head?: string; content: string }): string {
  const { title, root, head = '', content } = options;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
${head}<link rel="stylesheet" href="${root}docs/assets/page.css">
</head>
<body>
<header class="top">
<strong>Holdfast</strong>
<nav><a href="${root}docs">API</a> · <a href="${root}docs/problems">Problems</a> · <a href="${root}openapi.json">OpenAPI document</a></nav>
</header>
${content}
</body>
</html>
`;
}

/** The page at /docs: Swagger UI on the OpenAPI document, with which every call can be tried. Links are relative. */
export function apiPage(): string {
  return page({
    title: 'Holdfast API',
    root: '',
    head: '<link rel="stylesheet" href="docs/assets/swagger-ui.css">\n',
    content: `<div id="swagger-ui"></div>
<noscript>This page needs JavaScript; the OpenAPI document above does not.</noscript>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/assets/start.js"></script>`,
  });
}

/** Every code with its status and title, as links into the page. */
function contents(): string {
  const rows = Object.entries(problems).map(
    ([code, { status, title }]) =>
      `<tr><td><a href="#${code}"><code>${code}</code></a></td><td>${status}</td><td>${title}</td></tr>`,
  );
  return `<table><thead><tr><th>code</th><th>status</th><th>meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>\n`;
}

/**
 * The page at /docs/problems: docs/problems.md, with a section under each code, at the anchor that a problem's `type`
 * names, and all of them in a table before the first. Reads the file: call it once at the start.
 */
export function problemsPage(): string {
  const marked = new Marked();
  let isFirst = true;
  marked.use({
    renderer: {
      heading({ tokens, depth, text }) {
        const words = this.parser.parseInline(tokens);
        if (depth !== 2) return `<h${depth}>${words}</h${depth}>\n`;
        const before = isFirst ? contents() : '';
        isFirst = false;
        return `${before}<h2 id="${text}"><a href="#${text}">${words}</a></h2>\n`;
      },
    },
  });
  const content = marked.parse(problemPageText(), { async: false });
  return page({
    title: 'Holdfast: problems',
    root: '../',
    content: `<main class="text">\n${content}</main>`,
  });
}
