/* SPDX-License-Identifier: MIT */
/*
 * profile_schema.c - JSON Schemas of profiles and quirks, made from the tables of the loader.
 *
 * For editors and for checks outside of fakeigd. profile.schema.json and quirk.schema.json beside
 * this file are what "fakeigd --schema profile" and "--schema quirk" print; a unit test compares.
 * The loader stays the judge: it also finds dangling names, conflicts and unknown placeholders.
 */
#include "base/mem.h"
#include "message_edit.h"
#include "profile_parts.h"
#include "rule_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* A JSON text with ' for ", to keep the constants below readable. */
static json_t *parse(const char *text)
{
	char *copy = xstrdup(text);
	json_error_t error;
	json_t *value;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	value = json_loads(copy, JSON_DECODE_ANY, &error);
	if (!value) {
		fprintf(stderr, "%s in %s\n", error.text, copy);
		abort();
	}
	free(copy);
	return value;
}

static json_t *name_list(const char *const *names, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(names[i]));
	return list;
}

static void set_enum(json_t *into, const char *key, const char *const *(*names)(size_t *count))
{
	size_t count;
	const char *const *list = names(&count);

	json_object_set_new(into, key, json_pack("{s:o}", "enum", name_list(list, count)));
}

/* One of the names, or a list of them. */
static json_t *one_or_many(const char *const *names, size_t count)
{
	json_t *one = json_pack("{s:o}", "enum", name_list(names, count));

	return json_pack("{s:[O, {s:s, s:o}]}", "anyOf", one, "type", "array", "items", one);
}

static json_t *object(json_t *properties)
{
	return json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0,
			 "properties", properties);
}

static json_t *message_schema(void)
{
	json_t *edits =
		parse("{'text': {'type': 'string'}, 'file': {'type': 'string'},"
		      " 'remove': {'$ref': '#/$defs/texts'}, 'add': {'$ref': '#/$defs/texts'},"
		      " 'set': {'$ref': '#/$defs/values'}, 'replace': {'$ref': '#/$defs/values'},"
		      " 'repeat': {'type': 'object', 'additionalProperties': {'type': 'integer'}},"
		      " 'header-names': {'enum': ['upper', 'lower']},"
		      " 'line-ends': {'enum': ['crlf', 'lf', 'cr', 'as-is']},"
		      " 'prepend': {'type': 'string'}, 'append': {'type': 'string'},"
		      " 'placeholders': {'type': 'boolean'}, 'encoding': {'enum': ['utf-8', "
		      "'latin-1']}}");

	return json_pack("{s:[{s:s}, o]}", "anyOf", "type", "string", object(edits));
}

static json_t *messages_schema(void)
{
	json_t *properties = json_object();

	for (int id = 0; id < MESSAGE_COUNT; id++) {
		char *text = xasprintf("%s; placeholders: %s", message_summary((enum message_id)id),
				       message_placeholders((enum message_id)id));

		json_object_set_new(
			properties, message_name((enum message_id)id),
			json_pack("{s:s, s:s}", "description", text, "$ref", "#/$defs/message"));
		free(text);
	}
	return object(properties);
}

static json_t *when_schema(void)
{
	const char *const *fields;
	size_t count;
	json_t *properties = parse(
		"{'message': {'$ref': '#/$defs/pattern'}, 'target': {'$ref': '#/$defs/pattern'},"
		" 'action': {'$ref': '#/$defs/pattern'}, 'service': {'$ref': '#/$defs/pattern'},"
		" 'version': {'$ref': '#/$defs/pattern'}, 'header-order': {'$ref': "
		"'#/$defs/texts'},"
		" 'body': {'$ref': '#/$defs/pattern'}, 'segments': {'$ref': '#/$defs/numbers'},"
		" 'on-connection': {'$ref': '#/$defs/numbers'},"
		" 'port': {'$ref': '#/$defs/numbers'}, 'within': {'$ref': '#/$defs/duration'},"
		" 'after': {'type': 'object', 'required': ['action', 'within'],"
		"   'additionalProperties': false, 'properties': {"
		"   'action': {'$ref': '#/$defs/pattern'}, 'within': {'$ref': "
		"'#/$defs/duration'}}},"
		" 'holds': {'type': 'object', 'required': ['external_port', 'protocol'],"
		"   'additionalProperties': false, 'properties': {"
		"   'external_port': {'type': 'integer'}, 'protocol': {'enum': ['TCP', 'UDP']}}},"
		" 'from-port': {'$ref': '#/$defs/numbers'}, 'complete': {'type': 'boolean'},"
		" 'from': {'$ref': '#/$defs/texts'},"
		" 'header': {'$ref': '#/$defs/headers'},"
		" 'header-exact': {'$ref': '#/$defs/headers'},"
		" 'uptime': {'$ref': '#/$defs/numbers'}, 'nth': {'$ref': '#/$defs/numbers'},"
		" 'last': {'type': 'integer', 'minimum': 1, 'maximum': 65535},"
		" 'first': {'type': 'integer', 'minimum': 1},"
		" 'every': {'type': 'integer', 'minimum': 2},"
		" 'probability': {'type': 'number', 'minimum': 0, 'maximum': 1},"
		" 'seed': {'type': 'integer', 'minimum': 0}}");

	fields = rule_field_names(&count);
	for (size_t i = 0; i < count; i++)
		json_object_set_new(properties, fields[i],
				    json_pack("{s:s}", "$ref", "#/$defs/pattern"));
	json_object_set_new(properties, "layer", one_or_many(rule_layer_names(), RULE_LAYER_COUNT));
	json_object_set_new(properties, "state", one_or_many(rule_state_names(), RULE_STATE_COUNT));
	return json_pack("{s:s, s:b, s:o, s:{s:{s:s}}}", "type", "object", "additionalProperties",
			 0, "properties", properties, "patternProperties", "^([A-Z]|varName$)",
			 "$ref", "#/$defs/pattern");
}

/* JSON Schema of one rule. */
static json_t *rule_schema(void)
{
	json_t *properties = parse(
		"{'name': {'type': 'string'},"
		" 'fault': {'anyOf': [{'type': 'integer'}, {'type': 'object', 'required': ['code'],"
		"   'additionalProperties': false,"
		"   'properties': {'code': {'type': 'integer'}, 'text': {'type': 'string'}}}]},"
		" 'status': {'type': 'integer', 'minimum': 100, 'maximum': 999},"
		" 'reply': {'type': 'object', 'maxProperties': 16,"
		"   'additionalProperties': {'type': ['string', 'number', 'boolean', 'null']}},"
		" 'perform': {'type': 'boolean'},"
		" 'lie': {'type': 'boolean'},"
		" 'never-refuse': {'type': 'boolean'},"
		" 'delay': {'anyOf': [{'$ref': '#/$defs/duration'}, {'type': 'object',"
		"   'required': ['from', 'to'], 'additionalProperties': false,"
		"   'properties': {'from': {'$ref': '#/$defs/duration'},"
		"                  'to': {'$ref': '#/$defs/duration'}}}]},"
		" 'split': {'anyOf': [{'$ref': '#/$defs/cuts'}, {'type': 'object', 'required': "
		"['at'],"
		"   'additionalProperties': false, 'properties': {'at': {'$ref': '#/$defs/cuts'},"
		"   'gap': {'$ref': '#/$defs/duration'}}}]},"
		" 'trickle': {'anyOf': [{'type': 'integer', 'minimum': 1}, {'type': 'object',"
		"   'required': ['bytes'], 'additionalProperties': false,"
		"   'properties': {'bytes': {'type': 'integer', 'minimum': 1},"
		"   'gap': {'$ref': '#/$defs/duration'}}}]},"
		" 'truncate': {'anyOf': [{'$ref': '#/$defs/size'}, {'type': 'integer'}]},"
		" 'content-length': {'type': ['integer', 'string']}, 'as-is': {'type': 'boolean'},"
		" 'replace': {'type': 'object', 'maxProperties': 8, 'additionalProperties':"
		"   {'type': ['string', 'number', 'boolean']}},"
		" 'pad': {'anyOf': [{'$ref': '#/$defs/size'}, {'type': 'object',"
		"   'required': ['bytes'], 'additionalProperties': false,"
		"   'properties': {'bytes': {'$ref': '#/$defs/size'},"
		"   'with': {'type': 'string', 'minLength': 1}, 'in': {'enum': ['body', "
		"'head']}}}]},"
		" 'header': {'type': 'object', 'maxProperties': 8, 'additionalProperties': "
		"{'type': ['string', 'number', 'boolean', 'null']}},"
		" 'redirect': {'type': 'string'}, 'as': {'type': 'string'},"
		" 'reorder': {'type': 'boolean'}, 'half-close-aborts': {'type': 'boolean'},"
		" 'also': {'type': 'array', 'minItems': 1, 'maxItems': 64, 'items':"
		"   {'type': 'object', 'minProperties': 1, 'maxProperties': 1,"
		"    'additionalProperties': false, 'properties': {"
		"    'ssdp-reply': {'$ref': '#/$defs/message'},"
		"    'ssdp-alive': {'$ref': '#/$defs/message'},"
		"    'ssdp-byebye': {'$ref': '#/$defs/message'},"
		"    'ssdp-update': {'$ref': '#/$defs/message'},"
		"    'raw': {'$ref': '#/$defs/message'}}}},"
		" 'rewrite': {'type': 'object', 'minProperties': 1, 'additionalProperties':"
		"   {'anyOf': [{'type': ['string', 'number', 'boolean', 'null']},"
		"   {'type': 'object', 'minProperties': 1, 'additionalProperties': false,"
		"   'properties': {'value': {'type': ['string', 'number']},"
		"   'if-empty': {'type': ['string', 'number']}, 'case': {'enum': ['upper', "
		"'lower']},"
		"   'modulo': {'type': 'integer', 'minimum': 1}, 'add': {'type': 'integer'},"
		"   'min': {'type': 'integer'}, 'max': {'type': 'integer'},"
		"   'cut': {'type': 'integer'}}}]}},"
		" 'duplicate': {'anyOf': [{'$ref': '#/$defs/copies'}, {'type': 'object', "
		"'required': ['copies'], 'additionalProperties': false, 'properties': {'copies': "
		"{'$ref': '#/$defs/copies'}, 'gap': {'$ref': '#/$defs/duration'}}}]},"
		" 'drop': {'type': 'boolean'}, 'close': {'type': 'boolean'},"
		" 'half-close': {'type': 'boolean'}, 'reset': {'type': 'boolean'},"
		" 'wrong-source': {'type': 'object', 'additionalProperties': false,"
		"   'properties': {'address': {'$ref': '#/$defs/ipv4'}, 'port': {'anyOf': ["
		"   {'const': 'random'}, {'type': 'integer', 'minimum': 1, 'maximum': 65535}]}}},"
		" 'reboot': {'type': 'boolean'}, 'forget': {'type': 'boolean'},"
		" 'wan-down': {'anyOf': [{'type': 'boolean'}, {'$ref': '#/$defs/duration'}]}, "
		"'renumber': {'$ref': '#/$defs/ipv4'}}");
	json_t *message = messages_schema();

	json_object_set_new(message, "description",
			    json_string("at most one head and one body instead of the profile's"));
	json_object_set_new(properties, "message", message);
	json_object_set_new(properties, "when", when_schema());
	return object(properties);
}

/* What the others refer to. */
static json_t *definitions(void)
{
	json_t *defs = parse(
		"{'duration': {'anyOf': [{'type': 'number', 'minimum': 0},"
		"   {'type': 'string', 'pattern': '^[0-9.]+(us|ms|s|m|h|d)$'}]},"
		" 'size': {'anyOf': [{'type': 'integer', 'minimum': 0},"
		"   {'type': 'string', 'pattern': '^[0-9]+[kMG]$'}]},"
		" 'ipv4': {'type': 'string', 'format': 'ipv4'},"
		" 'text': {'type': ['string', 'number']},"
		" 'copies': {'type': 'integer', 'minimum': 2, 'maximum': 1000000},"
		" 'texts': {'anyOf': [{'type': 'string'}, {'type': 'array',"
		"   'items': {'type': 'string'}}]},"
		" 'values': {'type': 'object',"
		"   'additionalProperties': {'type': ['string', 'number', 'boolean']}},"
		" 'value': {'anyOf': [{'type': ['string', 'number', 'boolean', 'null']},"
		"   {'type': 'object', 'required': ['length'], 'additionalProperties': false,"
		"    'properties': {'length': {'type': ['integer', 'string']}}}]},"
		" 'pattern': {'anyOf': [{'$ref': '#/$defs/value'}, {'type': 'array', 'minItems': 1,"
		"   'items': {'$ref': '#/$defs/value'}}]},"
		" 'headers': {'type': 'object', 'additionalProperties': {'$ref': "
		"'#/$defs/pattern'}},"
		" 'number-or-range': {'anyOf': [{'type': 'integer', 'minimum': 0},"
		"   {'type': 'string', 'pattern': '^[0-9]+(-[0-9]*)?$'}]},"
		" 'numbers': {'anyOf': [{'$ref': '#/$defs/number-or-range'}, {'type': 'array',"
		"   'items': {'$ref': '#/$defs/number-or-range'}}]},"
		" 'cut': {'anyOf': [{'const': 'head-body'}, {'type': 'integer', 'minimum': 1}]},"
		" 'cuts': {'anyOf': [{'const': 'head-body'}, {'type': 'array', 'minItems': 1,"
		"   'maxItems': 16, 'items': {'$ref': '#/$defs/cut'}}]},"
		" 'evidence-item': {'anyOf': [{'type': 'string'}, {'type': 'object',"
		"   'required': ['source'], 'additionalProperties': false,"
		"   'properties': {'source': {'type': 'string'}, 'seen': {'type': 'string'},"
		"   'class': {'$ref': '#/$defs/evidence-class'}}}]},"
		" 'evidence': {'anyOf': [{'$ref': '#/$defs/evidence-item'}, {'type': 'array',"
		"   'items': {'$ref': '#/$defs/evidence-item'}}]},"
		" 'client': {'type': 'object', 'required': ['must'], 'additionalProperties': false,"
		"   'properties': {'note': {'type': 'string'}, 'must': {'type': 'string',"
		"   'pattern': '^(mapped|reports-failure|survives|inner|retries)([(].*[)])?$'}}}}");

	set_enum(defs, "evidence-class", quirk_classes);
	json_object_set_new(defs, "message", message_schema());
	json_object_set_new(defs, "rule", rule_schema());
	return defs;
}

/* What a profile and an overlay have in common. */
static json_t *overlay_properties(void)
{
	json_t *properties = parse(
		"{'device': {'type': 'string', 'pattern': '^.+:[12]$'},"
		" 'listen': {'type': 'object', 'additionalProperties': false, 'properties':"
		"   {'http': {'type': 'integer', 'minimum': 0, 'maximum': 65535},"
		"    'also': {'type': 'array', 'maxItems': 8, 'items':"
		"     {'type': 'integer', 'minimum': 1, 'maximum': 65535}}}},"
		" 'services': {'type': 'array', 'maxItems': 32, 'items': {'anyOf': ["
		"   {'type': 'string', 'pattern': '^.+:[0-9]+$'}, {'type': 'object',"
		"   'required': ['type'], 'additionalProperties': false, 'properties': {"
		"   'type': {'type': 'string', 'pattern': '^.+:[0-9]+$'}, 'id': {'type': 'string'},"
		"   'domain': {'type': 'string'}, 'optional': {'$ref': '#/$defs/texts'},"
		"   'urn': {'type': 'string'}, 'as': {'type': 'string'}, 'device': {'type': "
		"'string'},"
		"   'control': {'type': 'string'}, 'event': {'type': 'string'},"
		"   'scpd': {'type': 'string'}, 'state': {'$ref': '#/$defs/values'}}}]}},"
		" 'domain': {'type': 'string'},"
		" 'devices': {'type': 'object', 'additionalProperties': {'type': 'object',"
		"   'additionalProperties': false, 'properties': {"
		"   'type': {'type': 'string', 'pattern': '^.+:[0-9]+$'}, 'urn': {'type': "
		"'string'},"
		"   'domain': {'type': 'string'}, 'udn': {'type': 'string'},"
		"   'friendly_name': {'$ref': '#/$defs/text'}, 'manufacturer': {'$ref': "
		"'#/$defs/text'},"
		"   'manufacturer_url': {'$ref': '#/$defs/text'}, 'upc': {'$ref': '#/$defs/text'},"
		"   'model_description': {'$ref': '#/$defs/text'}, 'model_url': {'$ref': "
		"'#/$defs/text'},"
		"   'model_name': {'$ref': '#/$defs/text'}, 'model_number': {'$ref': "
		"'#/$defs/text'},"
		"   'serial_number': {'$ref': '#/$defs/text'}, 'presentation_url': {'$ref': "
		"'#/$defs/text'},"
		"   'under': {'type': 'string'},"
		"   'place': {'enum': ['first', 'last']}, 'silent': {'type': 'boolean'},"
		"   'message': {'$ref': '#/$defs/message'}}}},"
		" 'pages': {'type': 'array', 'maxItems': 8, 'items': {'type': 'object',"
		"   'required': ['path'], 'additionalProperties': false, 'properties': {"
		"   'path': {'type': 'string', 'pattern': '^/'}, 'body': {'$ref': "
		"'#/$defs/message'},"
		"   'replace': {'$ref': '#/$defs/values'}}}},"
		" 'ssdp': {'type': 'object', 'additionalProperties': false, 'properties': {"
		"   'max_age': {'type': 'integer', 'minimum': 0},"
		"   'sets': {'type': 'integer', 'minimum': 0, 'maximum': 100},"
		"   'order': {'type': 'array', 'items': {'type': 'string'}}}},"
		" 'date': {'type': 'object', 'additionalProperties': false, 'properties': {"
		"   'offset': {'anyOf': [{'type': 'number'}, {'type': 'string',"
		"   'pattern': '^-?[0-9.]+(us|ms|s|m|h|d)$'}]}}},"
		" 'external': {'$ref': '#/$defs/ipv4'},"
		" 'upstream': {'type': 'object', 'required': ['pcp'],"
		"   'additionalProperties': false, 'properties': {'pcp': {'type': 'object',"
		"   'required': ['server'], 'additionalProperties': false, 'properties': {"
		"   'server': {'anyOf': [{'const': 'gateway'}, {'$ref': '#/$defs/ipv4'},"
		"   {'type': 'array', 'minItems': 1, 'maxItems': 8, 'items': {'anyOf': ["
		"   {'const': 'gateway'}, {'$ref': '#/$defs/ipv4'}]}}]},"
		"   'port': {'type': 'integer', 'minimum': 1, 'maximum': 65535},"
		"   'initial': {'$ref': '#/$defs/duration'},"
		"   'maximum': {'$ref': '#/$defs/duration'},"
		"   'answer': {'$ref': '#/$defs/duration'},"
		"   'retries': {'type': 'integer', 'minimum': 0, 'maximum': 10},"
		"   'external': {'enum': ['ask', 'last']}, 'description': {'type': 'boolean'}}}}},"
		" 'errors': {'type': 'object', 'additionalProperties': false, 'patternProperties': "
		"{"
		"   '^[1-9][0-9]{2}$': {'type': ['string', 'number', 'null']}}},"
		" 'rules': {'type': 'array', 'items': {'$ref': '#/$defs/rule'}},"
		" 'state': {'type': 'object', 'additionalProperties': false, 'properties': {"
		"   'mappings': {'type': 'array', 'items': {'type': 'object',"
		"   'additionalProperties': false,"
		"   'required': ['external_port', 'protocol', 'internal_port', 'internal_client'],"
		"   'properties': {'remote_host': {'type': 'string'},"
		"   'external_port': {'type': 'integer', 'minimum': 0, 'maximum': 65535},"
		"   'protocol': {'enum': ['TCP', 'UDP']},"
		"   'internal_port': {'type': 'integer', 'minimum': 0, 'maximum': 65535},"
		"   'internal_client': {'$ref': '#/$defs/ipv4'}, 'enabled': {'type': 'boolean'},"
		"   'description': {'type': ['string', 'number']},"
		"   'lease': {'type': 'integer', 'minimum': 0}}}}}}}");

	json_object_set_new(properties, "identity", profile_identity_schema());
	json_object_set_new(properties, "urls", profile_urls_schema());
	json_object_set_new(properties, "messages", messages_schema());
	json_object_set_new(properties, "policy", policy_schema());
	return properties;
}

static json_t *document(const char *title, json_t *properties, const char *required)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "$schema",
			 "https://json-schema.org/draft/2020-12/schema", "title", title, "type",
			 "object", "additionalProperties", 0, "required", parse(required),
			 "properties", properties, "$defs", definitions());
}

json_t *profile_schema(void)
{
	json_t *properties = overlay_properties();
	json_t *own = parse("{'summary': {'type': 'string'}, 'extends': {'type': 'string'},"
			    " 'evidence': {'$ref': '#/$defs/evidence'},"
			    " 'assumed': {'$ref': '#/$defs/texts'},"
			    " 'conforms': {'$ref': '#/$defs/texts'},"
			    " 'quirks': {'type': 'array', 'items': {'type': 'string'}},"
			    " 'client': {'$ref': '#/$defs/client'}}");

	json_object_update(properties, own);
	json_decref(own);
	return document("profile of a fake router", properties, "['summary']");
}

/* A step: one of the verbs, and nothing that the observer does not know. */
static json_t *observe_schema(void)
{
	json_t *properties = json_object(), *verbs = json_array();
	const char *const *names;
	size_t count;

	names = quirk_step_keys(&count);
	for (size_t i = 0; i < count; i++)
		json_object_set_new(properties, names[i],
				    !strcmp(names[i], "expect") ? parse("{'type': 'object'}")
								: parse("{}"));
	names = quirk_verbs(&count);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(verbs, json_pack("{s:[s]}", "required", names[i]));
	properties = object(properties);
	json_object_set_new(properties, "oneOf", verbs);
	return json_pack("{s:s, s:o}", "type", "array", "items", properties);
}

json_t *quirk_schema(void)
{
	json_t *properties = parse("{'summary': {'type': 'string'},"
				   " 'priority': {'type': 'integer', 'minimum': 1, 'maximum': 3},"
				   " 'evidence': {'$ref': '#/$defs/evidence'},"
				   " 'seen-on': {'$ref': '#/$defs/texts'},"
				   " 'breaks': {'$ref': '#/$defs/texts'},"
				   " 'also': {'$ref': '#/$defs/texts'},"
				   " 'base': {'type': 'string'},"
				   " 'unobserved': {'type': 'string'},"
				   " 'topology': {'anyOf': [{'type': 'string'}, {'type': "
				   "'object',"
				   "   'required': ['name'], 'additionalProperties': false,"
				   "   'properties': {'name': {'type': 'string'},"
				   "   'router': {'type': 'string'}}}]},"
				   " 'naive': {'type': 'string'}, 'robust': {'type': 'string'},"
				   " 'client': {'$ref': '#/$defs/client'}}");

	set_enum(properties, "layer", quirk_layers);
	json_object_set_new(properties, "observe", observe_schema());
	json_object_set_new(properties, "overlay", object(overlay_properties()));
	return document("quirk of a router", properties,
			"['summary', 'layer', 'evidence', 'overlay']");
}
