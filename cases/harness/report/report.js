/* SPDX-License-Identifier: MIT
 * report.js - filter, sort and turn the tables, and open what is behind a cell.
 *
 * The address keeps what is shown (#show=quirk&find=...), so that a link leads to the same view.
 */
"use strict";
(() => {
const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
const sections = all("main > section");
const field = {find: $("#find"), grade: $("#grade"), group: $("#group"), column: $("#column"), differ: $("#differ")};
const dialog = $("#case");
const order = ["fail", "inconclusive", "non-strict", "known", "pass", "unsupported", "not-run"];
let kind = sections.length ? sections[0].id : "";

const gradeOf = td => (td.className.match(/g-([\w-]+)/) || ["", ""])[1];
const current = () => sections.find(section => section.id === kind);

/* ---- which rows and columns ---- */

function columnIndex(table, name) {
	return all("thead tr:first-child th:not(.name)", table).findIndex(th => th.textContent.trim() === name);
}

function rowFits(row, words, column) {
	const cells = all("td", row), chosen = column < 0 ? cells : [cells[column]];
	const grades = chosen.map(gradeOf).filter(Boolean);
	const text = row.cells[0].textContent.toLowerCase();
	if (words.some(word => !text.includes(word)))
		return false;
	if (field.differ.checked && new Set(cells.map(gradeOf).filter(g => g && g !== "unsupported" && g !== "not-run")).size < 2)
		return false;
	if (field.grade.value === "bad")
		return grades.some(g => g === "fail" || g === "inconclusive" || g === "non-strict");
	return !field.grade.value || grades.includes(field.grade.value);
}

function showColumn(table, column) {
	for (const row of all("tr", table))
		Array.from(row.cells).forEach((cell, i) => { cell.hidden = i > 0 && column >= 0 && i - 1 !== column; });
}

function filter() {
	const section = current(), table = section && $("table", section);
	const words = field.find.value.toLowerCase().split(/\s+/).filter(Boolean);
	let shown = 0, every = 0;
	if (!table) {
		$("#shown").value = "";
		return;
	}
	const column = field.column.value ? columnIndex(table, field.column.value) : -1;
	for (const body of table.tBodies) {
		let left = 0;
		for (const row of all("tr.case", body)) {
			every++;
			row.hidden = (field.group.value && body.dataset.group !== field.group.value) || !rowFits(row, words, column);
			left += !row.hidden;
		}
		body.hidden = !left;
		shown += left;
	}
	showColumn(table, column);
	$("#shown").value = `${shown} of ${every} rows`;
	remember();
}

/* ---- sorting ---- */

const place = new Map();
all("tr.case").forEach((row, i) => place.set(row, i));

function key(row, column) {
	if (column === 0)
		return row.cells[0].textContent;
	const rank = order.indexOf(gradeOf(row.cells[column]));
	return rank < 0 ? order.length : rank;
}

function sortBy(th) {
	const table = th.closest("table"), column = th.cellIndex;
	const next = {none: "ascending", ascending: "descending", descending: "none"}[th.getAttribute("aria-sort")];
	all("thead tr:first-child th", table).forEach(other => other.setAttribute("aria-sort", "none"));
	th.setAttribute("aria-sort", next);
	const sense = next === "descending" ? -1 : 1;
	for (const body of table.tBodies) {
		const rows = all("tr.case", body);
		rows.sort((a, b) => {
			const x = next === "none" ? place.get(a) : key(a, column), y = next === "none" ? place.get(b) : key(b, column);
			return x < y ? -sense : x > y ? sense : place.get(a) - place.get(b);
		});
		body.append(...rows);
	}
}

/* ---- turning: rows become columns ---- */

const plain = new Map();

function turned(table) {
	const head = Array.from($("thead tr", table).cells), rows = all("tr.case", table).filter(row => !row.hidden);
	const made = document.createElement("table");
	made.className = "turned";
	const caption = made.createCaption();
	caption.textContent = table.caption.textContent;
	const top = made.createTHead().insertRow();
	const th = (row, text, scope, title) => {
		const cell = document.createElement("th"), span = document.createElement("span");
		cell.scope = scope;
		cell.title = title || text;
		span.textContent = text;
		if (scope === "row" || !row.cells.length) {
			cell.className = "name";
			cell.append(span);
		} else {
			const button = document.createElement("button");
			button.type = "button";
			button.append(span);
			cell.append(button);
		}
		row.append(cell);
	};
	th(top, "", "col");
	rows.forEach(row => th(top, $("b", row.cells[0]).textContent, "col", row.cells[0].textContent));
	const body = made.createTBody();
	for (let i = 1; i < head.length; i++) {
		if (head[i].hidden)
			continue;
		const line = body.insertRow();
		th(line, head[i].textContent.trim(), "row");
		rows.forEach(row => line.append(row.cells[i].cloneNode(true)));
	}
	return made;
}

function turn() {
	const section = current(), table = section && $("table", section), button = $("#turn");
	if (!table)
		return;
	if (plain.has(section)) {
		table.replaceWith(plain.get(section));
		plain.delete(section);
	} else {
		plain.set(section, table);
		table.replaceWith(turned(table));
	}
	button.setAttribute("aria-pressed", String(plain.has(section)));
	for (const name of ["find", "grade", "group", "column", "differ"])
		field[name].disabled = plain.has(section);
}

/* ---- one case ---- */

async function unpack(text) {
	const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
	const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
	return JSON.parse(await new Response(stream).text());
}

function element(name, text, className) {
	const made = document.createElement(name);
	if (text !== undefined)
		made.textContent = text;
	if (className)
		made.className = className;
	return made;
}

function block(body, title, content) {
	body.append(element("h3", title), content);
}

function pairs(found) {
	const list = element("dl", undefined, "pair");
	const must = found.must ? `must: ${found.must}` : "";
	for (const [name, value] of [["expected", found.expected || must], ["seen", found.seen], ["reason", found.reason],
		["took", `${found.seconds} s`]])
		if (value)
			list.append(element("dt", name), element("dd", value));
	return list;
}

function journal(entries) {
	const table = element("table", undefined, "journal");
	for (const entry of entries) {
		const row = table.insertRow();
		entry.forEach(value => { row.insertCell().textContent = value; });
	}
	return table;
}

function runLine(found) {
	const line = element("p", undefined, "run"), copy = element("button", "copy");
	copy.type = "button";
	copy.onclick = () => navigator.clipboard && navigator.clipboard.writeText(found.replay).then(() => { copy.textContent = "copied"; });
	line.append(element("code", found.replay), copy);
	return line;
}

function picture(svg) {
	const box = element("div", undefined, "ladder");
	const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
	if (parsed.localName === "svg")
		box.append(document.importNode(parsed, true));
	return box;
}

function links(found) {
	const line = element("p", undefined, "run");
	const add = (text, href, download) => {
		const a = element("a", text);
		a.href = href;
		if (download)
			a.download = download;
		line.append(a);
	};
	if (found.pcapng)
		add("packets (pcapng)", `data:application/x-pcapng;base64,${found.pcapng}`, "capture.pcapng");
	else if (found.capture)
		add("packets (pcapng)", found.capture);
	if (found.path)
		add("folder", `${found.path}/`);
	return line;
}

function fill(body, found) {
	const title = element("h2", found.title);
	title.id = "case-title";
	body.replaceChildren(title, element("p", found.summary),
		element("p", found.verdict ? `${found.grade}: ${found.verdict}` : found.grade, `verdict g-${found.grade}`), pairs(found));
	if (found.requirements.length)
		block(body, "Requirement", element("p", found.requirements.join("\n")));
	if (found.tests.length)
		block(body, "Checks", journal(found.tests));
	if (found.replay)
		block(body, "Do it again", runLine(found));
	if (found.path)
		body.append(links(found));
	if (found.ladder)
		block(body, "What was said", picture(found.ladder));
	if (found.out)
		block(body, "What the program printed", element("pre", found.out));
	if (found.journal)
		block(body, "Journal of the router", journal(found.journal));
}

async function open(button) {
	try {
		fill($("#case-body"), await unpack(button.dataset.detail));
	} catch (error) {
		$("#case-body").replaceChildren(element("p", `This browser cannot unpack the case: ${error}`));
	}
	if (!dialog.open)
		dialog.showModal();
	dialog.scrollTop = 0;
}

/* ---- the address ---- */

function remember() {
	const parts = [`show=${kind}`]; /* no element has that id: the page does not jump */
	for (const name of ["find", "grade", "group", "column"])
		if (field[name].value)
			parts.push(`${name}=${encodeURIComponent(field[name].value)}`);
	if (field.differ.checked)
		parts.push("differ");
	history.replaceState(null, "", `#${parts.join("&")}`);
}

function recall() {
	const parts = location.hash.slice(1).split("&");
	const name = parts[0].replace(/^show=/, "");
	if (sections.some(section => section.id === name))
		kind = name;
	choose(kind);
	for (const part of parts) {
		const [key, value] = part.split("=");
		if (key === "differ")
			field.differ.checked = true;
		else if (key in field)
			field[key].value = decodeURIComponent(value || "");
	}
	filter();
}

function choose(name) {
	kind = name;
	sections.forEach(section => section.classList.toggle("on", section.id === kind));
	all(".tabs button").forEach(button => button.setAttribute("aria-pressed", String(button.dataset.kind === kind)));
	const groups = all("tbody[data-group]", current()).map(body => body.dataset.group);
	field.group.replaceChildren(new Option("all", ""), ...groups.map(group => new Option(group)));
	$("#turn").setAttribute("aria-pressed", String(plain.has(current())));
	for (const key of ["find", "grade", "group", "column", "differ"])
		field[key].disabled = plain.has(current());
}

document.addEventListener("click", event => {
	const button = event.target.closest("button");
	if (!button)
		return;
	if (button.dataset.detail)
		open(button);
	else if (button.dataset.kind) {
		choose(button.dataset.kind);
		filter();
	} else if (button.id === "turn")
		turn();
	else if (button.closest("thead") && !button.closest("table.turned"))
		sortBy(button.closest("th"));
});
dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
$("#controls").addEventListener("submit", event => event.preventDefault());
for (const name of ["input", "change"])
	$("#controls").addEventListener(name, filter);
if (sections.length)
	recall();
})();
