/*
 * The few questions that the programs ask of the device tree (Devicetree Specification 0.4,
 * chapter 5).
 */
#include <string.h>

#include "lib/guest.h"

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE, FDT_PROP, FDT_NOP, FDT_END = 9 };

static const u8 *blob;

static u32 be32(const void *p)
{
	const u8 *b = p;

	return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

void fdt_set(const void *fdt)
{
	blob = fdt && be32(fdt) == 0xd00dfeed ? fdt : NULL;
}

/* Steps over one token; the name of a node or property, its value and length are left in *t. */
struct token {
	u32 kind;
	const char *name;
	const void *value;
	u32 len;
};

static const u8 *token_next(const u8 *p, struct token *t)
{
	t->kind = be32(p);
	p += 4;
	if (t->kind == FDT_BEGIN_NODE) {
		t->name = (const char *)p;
		p += align_up(strlen(t->name) + 1, 4);
	} else if (t->kind == FDT_PROP) {
		t->len = be32(p);
		t->name = (const char *)blob + be32(blob + 12) + be32(p + 4);
		t->value = p + 8;
		p += 8 + align_up(t->len, 4);
	}
	return p;
}

const void *fdt_find(const char *node, const char *prop, u32 *len)
{
	const u8 *p = blob ? blob + be32(blob + 8) : NULL;
	struct token t = { 0 };
	bool inside = false;

	while (p && t.kind != FDT_END) {
		p = token_next(p, &t);
		if (t.kind == FDT_BEGIN_NODE)
			inside = !strncmp(t.name, node, strlen(node));
		else if (t.kind == FDT_PROP && inside && !strcmp(t.name, prop)) {
			if (len)
				*len = t.len;
			return t.value;
		}
	}
	return NULL;
}

u64 hart_count(void)
{
	const u8 *p = blob ? blob + be32(blob + 8) : NULL;
	struct token t = { 0 };
	u64 n = 0;

	while (p && t.kind != FDT_END) {
		p = token_next(p, &t);
		n += t.kind == FDT_BEGIN_NODE && !strncmp(t.name, "cpu@", 4);
	}
	return n;
}

static const char *bootarg_find(const char *key)
{
	const char *s = fdt_find("chosen", "bootargs", NULL);
	u64 n = strlen(key);

	while (s && *s) {
		if (!strncmp(s, key, n) && s[n] == '=')
			return s + n + 1;
		s = strchr(s, ' ');
		s = s ? s + 1 : NULL;
	}
	return NULL;
}

u64 bootarg_number(const char *key, u64 fallback)
{
	const char *s = bootarg_find(key);
	u64 v = 0;

	if (!s || *s < '0' || *s > '9')
		return fallback;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (u64)(*s - '0');
	return v;
}

bool bootarg_is(const char *key, const char *value)
{
	const char *s = bootarg_find(key);
	u64 n = strlen(value);

	return s && !strncmp(s, value, n) && (!s[n] || s[n] == ' ');
}

bool isa_has(const char *extension)
{
	const char *s = fdt_find("cpu@", "riscv,isa", NULL);
	u64 n = strlen(extension);

	if (!s)
		return false;
	if (n == 1) {
		for (s += 4; *s && *s != '_'; s++)
			if (*s == *extension)
				return true;
		return false;
	}
	for (; s; s = strchr(s, '_')) {
		s += *s == '_';
		if (!strncmp(s, extension, n) && (!s[n] || s[n] == '_'))
			return true;
	}
	return false;
}

u64 ram_size(void)
{
	const u8 *reg = fdt_find("memory@80000000", "reg", NULL);

	return reg ? (u64)be32(reg + 8) << 32 | be32(reg + 12) : 16 * MIB;
}

u64 timer_frequency(void)
{
	const void *p = fdt_find("cpus", "timebase-frequency", NULL);

	return p ? be32(p) : 10000000;
}
