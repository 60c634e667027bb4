#include "riscv/isa.h"

#include <string.h>

enum { ISA_IMPLIES_MAX = 6 };

struct isa_entry {
	const char *name;
	u8 class;
	u8 implies[ISA_IMPLIES_MAX]; /* directly; 0, which is ISA_I, ends the list */
};

#define USER(name, ...) { name, ISA_CLASS_USER, { __VA_ARGS__ } }
#define SUPERVISOR(name, ...) { name, ISA_CLASS_SUPERVISOR, { __VA_ARGS__ } }
#define ENABLE(name, ...) { name, ISA_CLASS_ENABLE, { __VA_ARGS__ } }
#define FP(name, ...) { name, ISA_CLASS_FP, { __VA_ARGS__ } }
#define VECTOR(name, ...) { name, ISA_CLASS_VECTOR, { __VA_ARGS__ } }
#define HOST(name, ...) { name, ISA_CLASS_HOST, { __VA_ARGS__ } }

static const struct isa_entry isa_table[ISA_COUNT] = {
	[ISA_I] = USER("i", 0),
	[ISA_M] = USER("m", ISA_ZMMUL),
	[ISA_A] = USER("a", ISA_ZAAMO, ISA_ZALRSC),
	[ISA_F] = FP("f", ISA_ZICSR),
	[ISA_D] = FP("d", ISA_F),
	[ISA_Q] = HOST("q", ISA_D), /* no code here saves 128-bit registers */
	[ISA_C] = USER("c", ISA_ZCA),
	[ISA_B] = USER("b", ISA_ZBA, ISA_ZBB, ISA_ZBS),
	[ISA_V] = VECTOR("v", ISA_ZVE64D, ISA_ZVL128B),
	[ISA_H] = HOST("h", 0),
	[ISA_ZIC64B] = USER("zic64b", 0),
	[ISA_ZICBOM] = ENABLE("zicbom", 0), /* henvcfg.CBIE, CBCFE */
	[ISA_ZICBOP] = USER("zicbop", 0),
	[ISA_ZICBOZ] = ENABLE("zicboz", 0), /* henvcfg.CBZE */
	[ISA_ZICCAMOA] = USER("ziccamoa", 0),
	[ISA_ZICCIF] = USER("ziccif", 0),
	[ISA_ZICCLSM] = USER("zicclsm", 0),
	[ISA_ZICCRSE] = USER("ziccrse", 0),
	[ISA_ZICFILP] = ENABLE("zicfilp", ISA_ZICSR), /* henvcfg.LPE, and SPELP to switch */
	[ISA_ZICFISS] = ENABLE("zicfiss", ISA_ZICSR, ISA_ZIMOP, ISA_ZAAMO), /* henvcfg.SSE */
	[ISA_ZICNTR] = ENABLE("zicntr", ISA_ZICSR), /* hcounteren */
	[ISA_ZICOND] = USER("zicond", 0),
	[ISA_ZICSR] = USER("zicsr", 0),
	[ISA_ZIFENCEI] = USER("zifencei", 0),
	[ISA_ZIHINTNTL] = USER("zihintntl", 0),
	[ISA_ZIHINTPAUSE] = USER("zihintpause", 0),
	[ISA_ZIHPM] = ENABLE("zihpm", ISA_ZICSR), /* hcounteren */
	[ISA_ZIMOP] = USER("zimop", 0),
	[ISA_ZMMUL] = USER("zmmul", 0),
	[ISA_ZA64RS] = USER("za64rs", 0),
	[ISA_ZAAMO] = USER("zaamo", 0),
	[ISA_ZABHA] = USER("zabha", ISA_ZAAMO),
	[ISA_ZACAS] = USER("zacas", ISA_ZAAMO),
	[ISA_ZALRSC] = USER("zalrsc", 0),
	[ISA_ZAMA16B] = USER("zama16b", 0),
	[ISA_ZAWRS] = ENABLE("zawrs", 0), /* WRS.NTO traps under hstatus.VTW */
	[ISA_ZFA] = FP("zfa", ISA_F),
	[ISA_ZFBFMIN] = FP("zfbfmin", ISA_F),
	[ISA_ZFH] = FP("zfh", ISA_ZFHMIN),
	[ISA_ZFHMIN] = FP("zfhmin", ISA_F),
	[ISA_ZCA] = USER("zca", 0),
	[ISA_ZCB] = USER("zcb", ISA_ZCA),
	[ISA_ZCD] = FP("zcd", ISA_ZCA, ISA_D),
	[ISA_ZCMOP] = USER("zcmop", ISA_ZCA),
	[ISA_ZCMP] = USER("zcmp", ISA_ZCA),
	[ISA_ZCMT] = ENABLE("zcmt", ISA_ZCA, ISA_ZICSR), /* jvt to switch, hstateen0.JVT */
	[ISA_ZBA] = USER("zba", 0),
	[ISA_ZBB] = USER("zbb", 0),
	[ISA_ZBC] = USER("zbc", ISA_ZBKC),
	[ISA_ZBKB] = USER("zbkb", 0),
	[ISA_ZBKC] = USER("zbkc", 0),
	[ISA_ZBKX] = USER("zbkx", 0),
	[ISA_ZBS] = USER("zbs", 0),
	[ISA_ZK] = ENABLE("zk", ISA_ZKN, ISA_ZKR, ISA_ZKT),
	[ISA_ZKN] = USER("zkn", ISA_ZBKB, ISA_ZBKC, ISA_ZBKX, ISA_ZKND, ISA_ZKNE, ISA_ZKNH),
	[ISA_ZKND] = USER("zknd", 0),
	[ISA_ZKNE] = USER("zkne", 0),
	[ISA_ZKNH] = USER("zknh", 0),
	[ISA_ZKR] = ENABLE("zkr", 0), /* seed always traps from a guest */
	[ISA_ZKS] = USER("zks", ISA_ZBKB, ISA_ZBKC, ISA_ZBKX, ISA_ZKSED, ISA_ZKSH),
	[ISA_ZKSED] = USER("zksed", 0),
	[ISA_ZKSH] = USER("zksh", 0),
	[ISA_ZKT] = USER("zkt", 0),
	[ISA_ZTSO] = USER("ztso", 0),
	[ISA_ZVBB] = VECTOR("zvbb", ISA_ZVKB),
	[ISA_ZVBC] = VECTOR("zvbc", ISA_ZVE64X),
	[ISA_ZVE32F] = VECTOR("zve32f", ISA_ZVE32X, ISA_F),
	[ISA_ZVE32X] = VECTOR("zve32x", ISA_ZVL32B, ISA_ZICSR),
	[ISA_ZVE64D] = VECTOR("zve64d", ISA_ZVE64F, ISA_D),
	[ISA_ZVE64F] = VECTOR("zve64f", ISA_ZVE64X, ISA_ZVE32F),
	[ISA_ZVE64X] = VECTOR("zve64x", ISA_ZVE32X, ISA_ZVL64B),
	[ISA_ZVFBFMIN] = VECTOR("zvfbfmin", ISA_ZVE32F),
	[ISA_ZVFBFWMA] = VECTOR("zvfbfwma", ISA_ZVFBFMIN, ISA_ZFBFMIN),
	[ISA_ZVFH] = VECTOR("zvfh", ISA_ZVFHMIN, ISA_ZFHMIN),
	[ISA_ZVFHMIN] = VECTOR("zvfhmin", ISA_ZVE32F),
	[ISA_ZVKB] = VECTOR("zvkb", ISA_ZVE32X),
	[ISA_ZVKG] = VECTOR("zvkg", ISA_ZVE32X),
	[ISA_ZVKN] = VECTOR("zvkn", ISA_ZVKNED, ISA_ZVKNHB, ISA_ZVKB, ISA_ZVKT),
	[ISA_ZVKNC] = VECTOR("zvknc", ISA_ZVKN, ISA_ZVBC),
	[ISA_ZVKNED] = VECTOR("zvkned", ISA_ZVE32X),
	[ISA_ZVKNG] = VECTOR("zvkng", ISA_ZVKN, ISA_ZVKG),
	[ISA_ZVKNHA] = VECTOR("zvknha", ISA_ZVE32X),
	[ISA_ZVKNHB] = VECTOR("zvknhb", ISA_ZVE64X, ISA_ZVKNHA),
	[ISA_ZVKS] = VECTOR("zvks", ISA_ZVKSED, ISA_ZVKSH, ISA_ZVKB, ISA_ZVKT),
	[ISA_ZVKSC] = VECTOR("zvksc", ISA_ZVKS, ISA_ZVBC),
	[ISA_ZVKSED] = VECTOR("zvksed", ISA_ZVE32X),
	[ISA_ZVKSG] = VECTOR("zvksg", ISA_ZVKS, ISA_ZVKG),
	[ISA_ZVKSH] = VECTOR("zvksh", ISA_ZVE32X),
	[ISA_ZVKT] = VECTOR("zvkt", 0),
	[ISA_ZVL32B] = VECTOR("zvl32b", 0),
	[ISA_ZVL64B] = VECTOR("zvl64b", ISA_ZVL32B),
	[ISA_ZVL128B] = VECTOR("zvl128b", ISA_ZVL64B),
	[ISA_ZVL256B] = VECTOR("zvl256b", ISA_ZVL128B),
	[ISA_ZVL512B] = VECTOR("zvl512b", ISA_ZVL256B),
	[ISA_ZVL1024B] = VECTOR("zvl1024b", ISA_ZVL512B),
	[ISA_SUPM] = ENABLE("supm", 0), /* henvcfg.PMM, as ssnpm */
	[ISA_SSAIA] = ENABLE("ssaia", 0), /* an interrupt file, hstateen0 */
	[ISA_SSCCPTR] = SUPERVISOR("ssccptr", 0),
	[ISA_SSCOFPMF] = ENABLE("sscofpmf", 0), /* counters behind SBI PMU, LCOFI */
	[ISA_SSCOUNTERENW] = SUPERVISOR("sscounterenw", 0),
	[ISA_SSDBLTRP] = ENABLE("ssdbltrp", 0), /* henvcfg.DTE */
	[ISA_SSNPM] = ENABLE("ssnpm", 0), /* henvcfg.PMM */
	[ISA_SSSTATEEN] = ENABLE("ssstateen", 0), /* hstateen0.SE0, sstateen0 to switch */
	[ISA_SSTC] = ENABLE("sstc", 0), /* henvcfg.STCE, hcounteren.TM */
	[ISA_SSTVALA] = SUPERVISOR("sstvala", 0),
	[ISA_SSTVECD] = SUPERVISOR("sstvecd", 0),
	[ISA_SSU64XL] = SUPERVISOR("ssu64xl", 0),
	[ISA_SVADE] = ENABLE("svade", 0), /* henvcfg.ADUE clear */
	[ISA_SVADU] = ENABLE("svadu", 0), /* henvcfg.ADUE */
	[ISA_SVINVAL] = SUPERVISOR("svinval", 0),
	[ISA_SVNAPOT] = SUPERVISOR("svnapot", 0),
	[ISA_SVPBMT] = ENABLE("svpbmt", 0), /* henvcfg.PBMTE */
	[ISA_SVVPTC] = SUPERVISOR("svvptc", 0),
	[ISA_SHA] = HOST("sha", ISA_H, ISA_SSSTATEEN),
	[ISA_SMAIA] = HOST("smaia", ISA_SSAIA),
	[ISA_SMSTATEEN] = HOST("smstateen", ISA_SSSTATEEN),
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }
static bool is_single_letter(enum isa_ext ext) { return !isa_table[ext].name[1]; }

/* Implications form no circle and are a few deep: the table bounds the recursion. */
void isa_set(struct isa *isa, enum isa_ext ext)
{
	const u8 *implied = isa_table[ext].implies;

	isa->bits[ext / 64] |= 1ul << (ext % 64);
	for (unsigned i = 0; i < ISA_IMPLIES_MAX && implied[i]; i++)
		if (!isa_has(isa, implied[i]))
			isa_set(isa, implied[i]);
}

static bool implies(enum isa_ext ext, enum isa_ext what)
{
	return what && memchr(isa_table[ext].implies, (int)what, ISA_IMPLIES_MAX);
}

void isa_clear(struct isa *isa, enum isa_ext ext)
{
	isa->bits[ext / 64] &= ~(1ul << (ext % 64));
	for (enum isa_ext e = 0; e < ISA_COUNT; e++)
		if (isa_has(isa, e) && implies(e, ext))
			isa_clear(isa, e);
}

/* Of two closed sets the common part is closed. */
void isa_intersect(struct isa *isa, const struct isa *other)
{
	for (size_t i = 0; i < ARRAY_SIZE(isa->bits); i++)
		isa->bits[i] &= other->bits[i];
}

void isa_add_class(struct isa *isa, const struct isa *host, enum isa_class class)
{
	for (enum isa_ext e = 0; e < ISA_COUNT; e++)
		if (isa_table[e].class == class && isa_has(host, e))
			isa_set(isa, e);
}

enum isa_class isa_ext_class(enum isa_ext ext) { return isa_table[ext].class; }
const char *isa_ext_name(enum isa_ext ext) { return isa_table[ext].name; }

static bool name_equal(const char *known, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (known[i] == '\0' || known[i] != lower(name[i]))
			return false;
	return known[len] == '\0';
}

int isa_from_name(const char *name, size_t len)
{
	for (int e = 0; e < ISA_COUNT; e++)
		if (name_equal(isa_table[e].name, name, len))
			return e;
	return -1;
}

static size_t digits_before(const char *name, size_t len)
{
	while (len && is_digit(name[len - 1]))
		len--;
	return len;
}

/* The length without a version at the end: "2p1" or "2". No name ends in a digit. */
static size_t length_unversioned(const char *name, size_t len)
{
	size_t end = digits_before(name, len);

	if (end == len)
		return len;
	if (end >= 2 && lower(name[end - 1]) == 'p' && is_digit(name[end - 2]))
		return digits_before(name, end - 1);
	return end;
}

static void add_name(struct isa *isa, const char *name, size_t len)
{
	int ext = isa_from_name(name, length_unversioned(name, len));

	if (ext >= 0)
		isa_set(isa, (enum isa_ext)ext);
}

static void add_letter(struct isa *isa, char letter)
{
	static const u8 general[] = { ISA_I, ISA_M, ISA_A, ISA_F, ISA_D, ISA_ZICSR, ISA_ZIFENCEI };

	if (lower(letter) != 'g')
		add_name(isa, &letter, 1);
	else
		for (size_t i = 0; i < ARRAY_SIZE(general); i++)
			isa_set(isa, general[i]);
}

/* The end of a version that begins at @at, or @at: a "p" counts only between digits. */
static size_t skip_version(const char *text, size_t at, size_t len)
{
	size_t end = at;

	while (end < len && is_digit(text[end]))
		end++;
	if (end == at || end + 1 >= len || lower(text[end]) != 'p' || !is_digit(text[end + 1]))
		return end;
	end++;
	while (end < len && is_digit(text[end]))
		end++;
	return end;
}

static bool begins_long_name(char c)
{
	c = lower(c);
	return c == 'z' || c == 's' || c == 'x';
}

static void parse_extensions(struct isa *isa, const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		if (begins_long_name(text[at])) {
			const char *end = memchr(text + at, '_', len - at);
			size_t name_len = end ? (size_t)(end - (text + at)) : len - at;

			add_name(isa, text + at, name_len);
			at += name_len;
		} else {
			add_letter(isa, text[at]);
			at = skip_version(text, at + 1, len);
		}
	}
}

bool isa_parse_string(struct isa *isa, const char *text, size_t len)
{
	enum { PREFIX_LEN = 4 };
	const char *nul = memchr(text, '\0', len);

	*isa = (struct isa){ 0 };
	if (nul)
		len = (size_t)(nul - text);
	if (len <= PREFIX_LEN || !name_equal("rv64", text, PREFIX_LEN))
		return false;
	if (lower(text[PREFIX_LEN]) != 'i' && lower(text[PREFIX_LEN]) != 'g')
		return false;
	parse_extensions(isa, text + PREFIX_LEN, len - PREFIX_LEN);
	return true;
}

bool isa_parse_list(struct isa *isa, const char *list, size_t len)
{
	*isa = (struct isa){ 0 };
	while (len) {
		const char *nul = memchr(list, '\0', len);
		size_t name_len = nul ? (size_t)(nul - list) : len;
		int ext = isa_from_name(list, name_len);

		if (ext >= 0)
			isa_set(isa, (enum isa_ext)ext);
		if (!nul)
			break;
		list += name_len + 1;
		len -= name_len + 1;
	}
	if (isa_has(isa, ISA_I))
		return true;
	*isa = (struct isa){ 0 };
	return false;
}

/* A cut text: @used counts on when @size is exceeded. */
struct text {
	char *buf;
	size_t size, used;
};

static void text_add(struct text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++, t->used++)
		if (t->used < t->size)
			t->buf[t->used] = s[i];
}

size_t isa_string(const struct isa *isa, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };

	text_add(&t, "rv64", 4);
	for (enum isa_ext e = 0; e < ISA_COUNT; e++) {
		if (!isa_has(isa, e))
			continue;
		if (!is_single_letter(e))
			text_add(&t, "_", 1);
		text_add(&t, isa_table[e].name, strlen(isa_table[e].name));
	}
	if (size)
		buf[t.used < size ? t.used : size - 1] = '\0';
	return t.used;
}

size_t isa_list(const struct isa *isa, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };

	for (enum isa_ext e = 0; e < ISA_COUNT; e++)
		if (isa_has(isa, e))
			text_add(&t, isa_table[e].name, strlen(isa_table[e].name) + 1);
	return t.used;
}
