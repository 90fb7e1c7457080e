/* SPDX-License-Identifier: MIT */
/*
 * http.c - HTTP/1.x heads and body framing (see http.h).
 *
 * Theory of operation
 *
 * RFC 9112 is followed for what is accepted, with the leniency that UPnP has needed since UDA 1.0
 * (RFC 2616): bare LF, space before the colon, folded lines, lines that are no header. Each such
 * departure sets a bit in the head, so that one parser serves both a forgiving reader and a strict
 * server: the latter asks http_head_strict() afterwards.
 *
 * A stream's head is parsed again from its first byte whenever bytes arrive. To keep a client that
 * sends one byte at a time cheap, each attempt first looks for the empty line with memchr(), over
 * at most HTTP_LINES_MAX lines; only the start line is judged earlier, so that garbage is refused
 * without waiting for the end of a head that may never come.
 *
 * The chunked decoder (clause 7.1) is a byte machine over struct http_chunked with no memory of
 * its own; chunk extensions and trailers are skipped, each within HTTP_CHUNK_LINE_MAX bytes.
 */
#include "http.h"

#include "../base/mem.h"

#include <assert.h>

#define HTTP_LINES_MAX (4 * HTTP_HEADERS_MAX)

static const struct {
	const char *text;
	int status;
} errors[] = {
	[HTTP_OK] = {"a complete message head", 0},
	[HTTP_INCOMPLETE] = {"more bytes are needed", 0},
	[HTTP_BAD_START_LINE] = {"the start line is no request line and no status line", 400},
	[HTTP_BAD_HEADER] = {"a header line is malformed", 400},
	[HTTP_BAD_VERSION] = {"the version is not HTTP/1.x", 505},
	[HTTP_TOO_MANY_HEADERS] = {"there are too many header lines", 431},
	[HTTP_BAD_LENGTH] = {"Content-Length is no number, or contradicts another header", 400},
	[HTTP_BAD_CODING] = {"Transfer-Encoding is not chunked", 501},
	[HTTP_BAD_CHUNK] = {"the chunked body is malformed", 400},
};

static_assert(ARRAY_SIZE(errors) == HTTP_ERROR_COUNT, "a text and a status for every error");

const char *http_error_text(enum http_error error)
{
	return error < HTTP_ERROR_COUNT ? errors[error].text : "unknown error";
}

int http_error_status(enum http_error error)
{
	return error < HTTP_ERROR_COUNT ? errors[error].status : 500;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* tchar of RFC 9110 clause 5.6.2 */
static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char(s.ptr[i]))
			return false;
	return s.len > 0;
}

/* Spaces, tabs and, as a folded value spans lines, line ends. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim_blank(struct slice s)
{
	while (s.len && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/**
 * struct lines - walks over the lines of a head
 * @at, @end:	what is left
 * @lenient:	HTTP_LENIENT_* about line ends so far
 */
struct lines {
	const char *at;
	const char *end;
	unsigned lenient;
};

/* The next line without its end; what follows the last line end counts as a line. */
static struct slice next_line(struct lines *l)
{
	const char *lf = memchr(l->at, '\n', (size_t)(l->end - l->at));
	struct slice line = {l->at, (size_t)((lf ? lf : l->end) - l->at)};

	l->at = lf ? lf + 1 : l->end;
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	else if (lf)
		l->lenient |= HTTP_LENIENT_BARE_LF;
	return line;
}

/* "HTTP/1.1" into its numbers (RFC 9112 clause 2.3: one digit each, case matters). */
static enum http_error parse_version(struct slice s, struct http_head *out)
{
	if (s.len != 8 || !slice_starts(s, "HTTP/") || !is_digit(s.ptr[5]) || s.ptr[6] != '.' ||
	    !is_digit(s.ptr[7]))
		return HTTP_BAD_START_LINE;
	out->major = s.ptr[5] - '0';
	out->minor = s.ptr[7] - '0';
	return out->major == 1 ? HTTP_OK : HTTP_BAD_VERSION;
}

/* "HTTP/1.1 200 OK"; some routers leave the reason and its space away. */
static enum http_error parse_status_line(struct slice line, struct http_head *out)
{
	const char *space = memchr(line.ptr, ' ', line.len);
	struct slice version = {line.ptr, space ? (size_t)(space - line.ptr) : line.len};
	struct slice rest = slice_trim((struct slice){line.ptr + version.len, //
						      line.len - version.len});
	enum http_error error = parse_version(version, out);

	if (error)
		return error;
	if (rest.len < 3 || !is_digit(rest.ptr[0]) || !is_digit(rest.ptr[1]) ||
	    !is_digit(rest.ptr[2]) || rest.ptr[0] == '0' || (rest.len > 3 && rest.ptr[3] != ' '))
		return HTTP_BAD_START_LINE;
	out->is_response = true;
	out->status = (rest.ptr[0] - '0') * 100 + (rest.ptr[1] - '0') * 10 + (rest.ptr[2] - '0');
	out->reason = slice_trim((struct slice){rest.ptr + 3, rest.len - 3});
	return HTTP_OK;
}

/* Spaces cannot be in it (they ended it); control bytes would end up in logs and file names. */
static bool target_is_sane(struct slice target, unsigned *lenient)
{
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.ptr[i];

		if (c <= 0x20 || c == 0x7f)
			return false;
		if (c >= 0x80)
			*lenient |= HTTP_LENIENT_BAD_BYTE;
	}
	return target.len > 0;
}

/* "POST /control HTTP/1.1" */
static enum http_error parse_request_line(struct slice line, struct http_head *out)
{
	const char *first = memchr(line.ptr, ' ', line.len);
	const char *last = memrchr(line.ptr, ' ', line.len);

	if (!first || first == last)
		return HTTP_BAD_START_LINE;
	out->method = (struct slice){line.ptr, (size_t)(first - line.ptr)};
	out->target = (struct slice){first + 1, (size_t)(last - first - 1)};
	if (!is_token(out->method) || !target_is_sane(out->target, &out->lenient))
		return HTTP_BAD_START_LINE;
	return parse_version((struct slice){last + 1, (size_t)(line.ptr + line.len - last - 1)},
			     out);
}

static enum http_error parse_start_line(struct slice line, struct http_head *out)
{
	while (line.len && is_blank(line.ptr[line.len - 1]))
		line.len--;
	if (slice_starts(line, "HTTP/"))
		return parse_status_line(line, out);
	return parse_request_line(line, out);
}

static bool has_bad_byte(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && !is_blank((char)c)) || c >= 0x7f)
			return true;
	}
	return false;
}

/* A line that continues the one before: the value grows over the line end (RFC 9112 clause 5.2). */
static void fold_line(struct http_head *out, struct slice line)
{
	struct http_header *last = &out->headers[out->count - 1];

	out->lenient |= HTTP_LENIENT_FOLDED;
	last->value.len = (size_t)(line.ptr + line.len - last->value.ptr);
}

/* Lines that cannot be headers are skipped: routers break long values over lines (USN). */
static enum http_error parse_header_line(struct slice line, struct http_head *out)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	struct slice name;

	if (!colon) {
		out->lenient |= HTTP_LENIENT_NO_COLON;
		return HTTP_OK;
	}
	name = (struct slice){line.ptr, (size_t)(colon - line.ptr)};
	if (name.len && (colon[-1] == ' ' || colon[-1] == '\t')) {
		out->lenient |= HTTP_LENIENT_SPACE_COLON;
		name = slice_trim(name);
	}
	if (!is_token(name)) {
		out->lenient |= HTTP_LENIENT_BAD_NAME;
		return HTTP_OK;
	}
	if (out->count == HTTP_HEADERS_MAX)
		return HTTP_TOO_MANY_HEADERS;
	out->headers[out->count].name = name;
	out->headers[out->count].value =
		(struct slice){colon + 1, (size_t)(line.ptr + line.len - colon - 1)};
	out->count++;
	return HTTP_OK;
}

static void trim_values(struct http_head *out)
{
	for (size_t i = 0; i < out->count; i++) {
		out->headers[i].value = trim_blank(out->headers[i].value);
		if (has_bad_byte(out->headers[i].value))
			out->lenient |= HTTP_LENIENT_BAD_BYTE;
	}
}

/* Everything after the start line up to the empty line or the end. */
static enum http_error parse_header_lines(struct lines *l, struct http_head *out)
{
	bool can_fold = false, ended = false;
	enum http_error error = HTTP_OK;

	while (!error && !ended && l->at < l->end) {
		struct slice line = next_line(l);
		size_t before = out->count;

		if (!line.len) {
			ended = true;
		} else if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
			if (can_fold)
				fold_line(out, line);
			else
				out->lenient |= HTTP_LENIENT_NO_COLON;
		} else {
			error = parse_header_line(line, out);
			can_fold = out->count > before;
		}
	}
	if (!ended)
		l->lenient |= HTTP_LENIENT_NO_END;
	trim_values(out);
	return error;
}

/* Where the head that starts at @at ends (after its empty line); NULL when it is not all there. */
static const char *find_head_end(const char *at, const char *end, bool *too_many)
{
	for (int lines = 0; lines < HTTP_LINES_MAX; lines++) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));

		if (!lf)
			return NULL;
		if (lines && (lf == at || (lf == at + 1 && *at == '\r')))
			return lf + 1;
		at = lf + 1;
	}
	*too_many = true;
	return NULL;
}

/* RFC 9112 clause 2.2: empty lines before the start line are skipped. */
static const char *skip_empty_lines(const char *at, const char *end)
{
	while (at < end && (*at == '\n' || (*at == '\r' && at + 1 < end && at[1] == '\n')))
		at += *at == '\n' ? 1 : 2;
	return at;
}

static enum http_error parse_head(const char *data, size_t len, bool whole, struct http_head *out,
				  size_t *consumed)
{
	const char *start, *end, *head_end;
	bool too_many = false;
	enum http_error error;
	struct lines l;

	memset(out, 0, offsetof(struct http_head, headers));
	out->count = 0;
	out->lenient = 0;
	*consumed = 0;
	if (!len)
		return HTTP_INCOMPLETE;
	end = data + len;
	start = skip_empty_lines(data, end);
	l = (struct lines){.at = start, .end = end};
	if (start > data)
		out->lenient = HTTP_LENIENT_LEADING_EMPTY;
	if (start == end || (!whole && !memchr(start, '\n', (size_t)(end - start))))
		return HTTP_INCOMPLETE;
	error = parse_start_line(next_line(&l), out);
	if (error)
		return error;
	head_end = find_head_end(start, end, &too_many);
	if (too_many)
		return HTTP_TOO_MANY_HEADERS;
	if (!head_end && !whole)
		return HTTP_INCOMPLETE;
	l.end = head_end ? head_end : end;
	error = parse_header_lines(&l, out);
	out->lenient |= l.lenient;
	*consumed = (size_t)(l.at - data);
	return error;
}

enum http_error http_parse_head(const char *data, size_t len, struct http_head *out,
				size_t *consumed)
{
	return parse_head(data, len, false, out, consumed);
}

enum http_error http_parse_datagram(const char *data, size_t len, struct http_head *out)
{
	size_t consumed;

	return parse_head(data, len, true, out, &consumed);
}

enum http_error http_head_strict(const struct http_head *head)
{
	const unsigned refused = HTTP_LENIENT_SPACE_COLON | HTTP_LENIENT_NO_COLON |
				 HTTP_LENIENT_BAD_NAME | HTTP_LENIENT_NO_END;

	if (head->lenient & refused)
		return HTTP_BAD_HEADER;
	for (size_t i = 0; i < head->count; i++)
		if (memchr(head->headers[i].value.ptr, '\0', head->headers[i].value.len))
			return HTTP_BAD_HEADER;
	return HTTP_OK;
}

struct slice http_header(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->count; i++)
		if (slice_case_eq(head->headers[i].name, name))
			return head->headers[i].value;
	return (struct slice){NULL, 0};
}

/* Split the next element off a comma-separated list. Return: false when there is none. */
static bool next_element(struct slice *list, struct slice *element)
{
	const char *comma;

	if (!list->ptr)
		return false;
	comma = memchr(list->ptr, ',', list->len);
	*element = *list;
	if (comma) {
		element->len = (size_t)(comma - list->ptr);
		list->len -= element->len + 1;
		list->ptr = comma + 1;
	} else {
		list->ptr = NULL;
	}
	*element = trim_blank(*element);
	return true;
}

bool http_has_token(const struct http_head *head, const char *name, const char *token)
{
	for (size_t i = 0; i < head->count; i++) {
		struct slice list = head->headers[i].value, element;

		if (!slice_case_eq(head->headers[i].name, name))
			continue;
		while (next_element(&list, &element))
			if (slice_case_eq(element, token))
				return true;
	}
	return false;
}

/* One Content-Length; a number too large to hold is still a number, and refused as too large. */
static bool parse_length(struct slice s, uint64_t *out)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_digit(s.ptr[i]))
			return false;
	if (!slice_number(s, HTTP_LENGTH_MAX, out))
		*out = HTTP_LENGTH_MAX;
	return s.len > 0;
}

/* All Content-Length fields; repeated equal values are one (RFC 9112 clause 6.3 item 5). */
static enum http_error content_length(const struct http_head *head, bool *present, uint64_t *length)
{
	*present = false;
	for (size_t i = 0; i < head->count; i++) {
		struct slice list = head->headers[i].value, element;
		uint64_t value;

		if (!slice_case_eq(head->headers[i].name, "Content-Length"))
			continue;
		while (next_element(&list, &element)) {
			if (!parse_length(element, &value) || (*present && value != *length))
				return HTTP_BAD_LENGTH;
			*present = true;
			*length = value;
		}
	}
	return HTTP_OK;
}

/* Transfer-Encoding: only chunked, once; "identity" of RFC 2616 says nothing. */
static enum http_error transfer_coding(const struct http_head *head, bool *chunked)
{
	*chunked = false;
	for (size_t i = 0; i < head->count; i++) {
		struct slice list = head->headers[i].value, element;

		if (!slice_case_eq(head->headers[i].name, "Transfer-Encoding"))
			continue;
		while (next_element(&list, &element)) {
			if (!element.len || slice_case_eq(element, "identity"))
				continue;
			if (*chunked || !slice_case_eq(element, "chunked"))
				return HTTP_BAD_CODING;
			*chunked = true;
		}
	}
	return HTTP_OK;
}

enum http_error http_body_framing(const struct http_head *head, bool to_head,
				  enum http_framing *framing, uint64_t *length)
{
	bool chunked, has_length;
	enum http_error error, length_error;

	*framing = HTTP_BODY_NONE;
	*length = 0;
	if (head->is_response &&
	    (to_head || head->status < 200 || head->status == 204 || head->status == 304))
		return HTTP_OK;
	error = transfer_coding(head, &chunked);
	if (error)
		return error;
	length_error = content_length(head, &has_length, length);
	if (chunked) {
		/* both: the classic way to smuggle a request (SOAP-40) */
		if (!head->is_response && (has_length || length_error))
			return HTTP_BAD_LENGTH;
		*framing = HTTP_BODY_CHUNKED;
		*length = 0;
		return HTTP_OK;
	}
	if (length_error)
		return length_error;
	if (has_length)
		*framing = HTTP_BODY_LENGTH;
	else if (head->is_response)
		*framing = HTTP_BODY_UNTIL_CLOSE;
	return HTTP_OK;
}
