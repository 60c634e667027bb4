/*
 * Guest text with its privileged instructions rewritten. Firmware seldom delegates illegal
 * instructions, and then each costs a detour of hundreds of instructions, or thousands; a breakpoint
 * comes here at once. So a page of text of the guest's S-mode in which such an instruction was met
 * gets a copy in which it is c.ebreak (its low parcel only: one aligned store, whatever other harts
 * execute meanwhile). The guest executes the copy, which is mapped for execution only; what it loads
 * comes from the page itself; what it stores goes to both, and takes back what it overwrites. So a
 * guest that reads, checksums or patches its text sees what it would see.
 *
 * One per VM, used by all of its vCPUs, in the VM's space. Guest-physical addresses throughout.
 * Its lock is held for a few hundred instructions at most, and no other is taken below it.
 *
 * A page must not be written behind the back of its copy. So whoever maps memory writable says so
 * first and may be refused, and a page that may be mapped writable gets no copy. To change that:
 *
 *	if (text_forget_begin(t)) {
 *		(every vCPU of the VM drops all that it has mapped writable)
 *		text_forget_end(t);
 *	}
 *
 * A copy goes in two steps, as until every vCPU has dropped it some hart may execute it:
 *
 *	if (text_leave(t, gpa)) {
 *		(every vCPU of the VM drops what it has mapped of the page)
 *		text_remove(t, gpa, &copy);
 *		(free the copy)
 *	}
 */
#ifndef ENGINE_CLASSIC_TEXT_H
#define ENGINE_CLASSIC_TEXT_H

#include "host/host.h"

#define TEXT_PARCELS 2048 /* of 2 bytes, in a page */
#define TEXT_REGIONS 64
#define TEXT_BREAK 0x9002 /* c.ebreak */

struct text;

/* Of a page that has a copy. */
struct text_page_info {
	u64 copy_pa; /* what to execute; 0: the page itself, as the copy comes or goes */
	u32 stores;  /* that were carried out for the guest; saturates */
	u32 patches; /* now in it */
};

/* A copy that is its owner's again. */
struct text_copy {
	u64 gpa, copy_pa;
	u16 *copy;
};

struct text_stats {
	unsigned pages, patches; /* now */
	u64 stores, taken_back;  /* stores carried out, patches taken back, ever */
};

/* For at most @pages_max pages (at least 1). NULL when memory is short. */
struct text *text_create(unsigned pages_max, struct host_account *payer);
/* All pages must have been removed. NULL is ignored. */
void text_destroy(struct text *t);
/* Memory whose pages can have copies: some 17 KiB for each 256 MiB. Before any vCPU runs. -ENOMEM
 * when memory is short or there are TEXT_REGIONS already, -EEXIST if it was added before: it
 * is then as memory that was never added, and nothing else is wrong. */
int text_region_add(struct text *t, u64 gpa, u64 size);

/* ---- Who may write */

/* Before [gpa, gpa+size) is mapped writable. False if a page of it has a copy: it must not be. */
bool text_note_writable(struct text *t, u64 gpa, u64 size);
/* True if somebody may have the page mapped writable, and of all memory that was not added. */
bool text_was_writable(struct text *t, u64 gpa);
/* Forgets what is noted until now; what comes meanwhile counts. False: another vCPU is at it. */
bool text_forget_begin(struct text *t);
void text_forget_end(struct text *t);

/* ---- Pages with copies */

/*
 * Gives the page at gpa (aligned) a copy: @original and @copy are mapped in the VM's space, and the
 * copy's contents are set here. -EBUSY if it may be mapped writable, -EEXIST if it has one,
 * -EINVAL if its memory was not added, -ENOMEM; then the copy is still the caller's.
 */
int text_add(struct text *t, u64 gpa, u16 *original, u16 *copy, u64 copy_pa);
/* False if the page of gpa has no copy. What it says of copy_pa holds until this vCPU next takes
 * the fences that others asked of it. A hart that maps the copy needs a fence.i. */
bool text_find(struct text *t, u64 gpa, struct text_page_info *info);
/* True if any page of the range has a copy (and must be mapped by itself, and not for writing). */
bool text_any(struct text *t, u64 gpa, u64 size);
/* The copy is not to be executed any more. False if there is none, or another vCPU is at it. */
bool text_leave(struct text *t, u64 gpa);
/* After text_leave(): the page is as any other, and the copy the caller's. False if it did not
 * leave. */
bool text_remove(struct text *t, u64 gpa, struct text_copy *out);
/* When no vCPU runs any more: any page. False when there are no more. */
bool text_remove_any(struct text *t, struct text_copy *out);

/* ---- Instructions */

/*
 * A number that another one replaces whenever text that has a copy changes or a copy goes: what was
 * read of copied text before is good as long as it is the same. Any context.
 */
u32 text_changes(const struct text *t);
/*
 * Replaces the instruction of 4 bytes at gpa, of which the first parcel at least must be in the
 * page. @changes: text_changes() from before the caller read it and saw that it is one. False if
 * there is no copy to be executed, text has changed, or a neighbour is patched that overlaps it.
 * True if it is patched already: then a fence.i is what this hart lacks.
 */
bool text_patch(struct text *t, u64 gpa, u32 changes);
/* Takes back one patch: its instruction turned out to be one that the hart can execute. */
bool text_unpatch(struct text *t, u64 gpa);
/*
 * After a breakpoint at gpa: true if it stands for another instruction, which *insn is set to (its
 * high half only if it is in the same page). If false, and neither ebreak nor c.ebreak is at gpa,
 * then the text has changed since the hart fetched it: let it fetch again, after a fence.i.
 */
bool text_breakpoint(struct text *t, u64 gpa, u32 *insn);

/*
 * A store of the guest: 1 to 8 bytes, the low ones of @value, which may go on in the next page. Bit
 * n of the result: byte n lies in a page with a copy, and is stored. The others are left to the
 * caller: to let the guest execute the instruction again, or to write them and then refresh.
 * Atomic for each naturally aligned part.
 */
unsigned text_store(struct text *t, u64 gpa, u64 value, unsigned size);
/* After others than the guest's harts wrote there (devices, SBI): copies follow, patches are taken
 * back. Whether there are copies need not be known. */
void text_refresh(struct text *t, u64 gpa, u64 size);

void text_stats(struct text *t, struct text_stats *out);

#endif
