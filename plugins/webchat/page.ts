interface Parts {
  title: string;
  /** Path of the script that sets the client up. */
  start: string;
  /** Path of the client's files, with a slash at its end. */
  assets: string;
}

/** The page: everything that it does is in files of its own, so that no script has to be allowed within it. */
export function pageFor({ title, start, assets }: Parts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${assets}images/favicon.ico">
<link rel="stylesheet" href="${assets}converse.min.css">
<script type="module" src="${assets}converse.min.js"></script>
<script type="module" src="${start}"></script>
</head>
<body class="converse-fullscreen">
<noscript>This page needs JavaScript. Any other XMPP client works with this server as well.</noscript>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
