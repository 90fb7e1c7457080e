/* SPDX-License-Identifier: MIT */
/* learn_yaml.c - YAML as learn writes it: scalars, templates as blocks, evidence as comments. */
#include "../fakeigd/wire/utf8.h"
#include "learn_parts.h"

/* One byte or character; what YAML does not carry as it is, as an escape. Return: its length. */
static size_t add_character(struct buf *out, struct slice text)
{
	unsigned char c = (unsigned char)text.ptr[0];
	size_t len = utf8_char(text.ptr, text.len);

	if (c == '"' || c == '\\')
		buf_printf(out, "\\%c", c);
	else if (c == '\n' || c == '\r' || c == '\t')
		buf_puts(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
	else if (c < 0x20 || c == 0x7f || !len)
		buf_printf(out, "\\x%02x", c);
	else if (c == 0xc2 && (unsigned char)text.ptr[1] < 0xa0)
		buf_printf(out, "\\x%02x", (unsigned char)text.ptr[1]);
	else if (len == 3 && !memcmp(text.ptr, "\xef\xbb\xbf", 3))
		buf_puts(out, "\\uFEFF");
	else
		buf_add(out, text.ptr, len);
	return len ? len : 1;
}

void yaml_text(struct buf *out, struct slice text)
{
	buf_putc(out, '"');
	while (text.len) {
		size_t len = add_character(out, text);

		text.ptr += len;
		text.len -= len;
	}
	buf_putc(out, '"');
}

/* Whether a block scalar holds it unchanged: lines of printable text, none of blanks alone. */
static bool fits_block(struct slice text)
{
	if (!text.len || text.ptr[0] == '\n' || text.ptr[0] == ' ')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if ((c < 0x20 && c != '\n') || c >= 0x7f)
			return false;
		if (c == '\n' && i && text.ptr[i - 1] == ' ')
			return false;
	}
	return text.len < 2 || text.ptr[text.len - 1] != '\n' || text.ptr[text.len - 2] != '\n';
}

static void add_block(struct buf *out, int indent, struct slice text)
{
	bool ends = text.ptr[text.len - 1] == '\n';

	buf_puts(out, ends ? " |\n" : " |-\n");
	for (size_t i = 0; i < text.len;) {
		const char *end = memchr(text.ptr + i, '\n', text.len - i);
		size_t len = end ? (size_t)(end - text.ptr) - i : text.len - i;

		if (len)
			buf_printf(out, "%*s%.*s", indent, "", (int)len, text.ptr + i);
		buf_putc(out, '\n');
		i += len + 1;
	}
}

/* Every LF behind a CR: then the text is kept with LF. Return: whether it is so, with at least one.
 */
static bool without_cr(struct slice text, struct buf *out)
{
	size_t lines = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool cr = text.ptr[i] == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n';

		if (text.ptr[i] == '\r' && !cr)
			return false;
		if (text.ptr[i] == '\n' && (!i || text.ptr[i - 1] != '\r'))
			return false;
		lines += cr;
		if (!cr)
			buf_putc(out, text.ptr[i]);
	}
	return lines;
}

void yaml_template(struct buf *out, int indent, struct slice text, bool head)
{
	struct buf plain = {0};
	bool crlf = !head && without_cr(text, &plain);
	struct slice shown = crlf ? buf_slice(&plain) : text;

	buf_putc(out, ':');
	if (crlf) {
		buf_printf(out, "\n%*sline-ends: crlf\n%*stext:", indent + 2, "", indent + 2, "");
		indent += 2;
	}
	if (fits_block(shown)) {
		add_block(out, indent + 2, shown);
	} else {
		buf_putc(out, ' ');
		yaml_text(out, shown);
		buf_putc(out, '\n');
	}
	buf_free(&plain);
}

/* "exchange 4, line 92" */
static void yaml_where(const struct learner *l, struct buf *out, const struct seen *s)
{
	const struct recorded_message *m = s->reply ? s->reply : &s->x->request;

	buf_printf(out, "exchange %zu", s->number + 1);
	if (m->first)
		buf_printf(out, ", %s %llu",
			   l->flow->kind && !strcmp(l->flow->kind, "log") ? "line" : "packet",
			   (unsigned long long)m->first);
}

void yaml_evidence(const struct learner *l, struct buf *out, const struct seen *s)
{
	if (s) {
		buf_puts(out, "  # ");
		yaml_where(l, out, s);
	}
	buf_putc(out, '\n');
}

void yaml_votes(const struct learner *l, struct buf *out, const struct forms *forms)
{
	const struct form *best = forms_best(forms);

	buf_printf(out, "  # %zu alike", best->votes);
	if (forms->count > 1)
		buf_printf(out, ", %zu other forms", forms->count - 1);
	buf_puts(out, "; ");
	yaml_where(l, out, best->first);
	buf_putc(out, '\n');
}

void yaml_action(struct buf *out, const char *action)
{
	size_t len = strlen(action);
	struct buf pattern = {0};

	/* As a pattern, so that actions that fakeigd does not know can be named too. */
	for (size_t i = 0; i < len; i++) {
		bool special = strchr("*?[]{}!\\", action[i]) || i + 1 == len;

		buf_printf(&pattern, special && action[i] != '\\' ? "[%c]" : "%c",
			   action[i] == '\\' || action[i] == '[' || action[i] == ']' ? '?'
										     : action[i]);
	}
	yaml_text(out, buf_slice(&pattern));
	buf_free(&pattern);
}
