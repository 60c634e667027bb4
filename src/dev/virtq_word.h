/*
 * Words of memory that a guest may write at the same time, each loaded once: what was loaded is
 * checked, and what was checked is used. Loads are plain ones whose value the compiler then knows
 * nothing about, so that it cannot load it again; volatile and atomic ones cost two instructions more.
 */
#ifndef DEV_VIRTQ_WORD_H
#define DEV_VIRTQ_WORD_H

#include "lib/types.h"

/* @p is aligned, in all of these. */
static inline u64 word_load16(const u8 *p)
{
	u64 v = *(const u16 *)(const void *)p;

	__asm__("" : "+r"(v));
	return v;
}

static inline u64 word_load32(const u8 *p)
{
	u64 v = *(const u32 *)(const void *)p;

	__asm__("" : "+r"(v));
	return v;
}

static inline u64 word_load64(const u8 *p)
{
	u64 v = *(const u64 *)(const void *)p;

	__asm__("" : "+r"(v));
	return v;
}

static inline void word_store16(u8 *p, u64 v) { *(volatile u16 *)(void *)p = (u16)v; }
static inline void word_store32(u8 *p, u64 v) { *(volatile u32 *)(void *)p = (u32)v; }
static inline void word_store64(u8 *p, u64 v) { *(volatile u64 *)(void *)p = v; }

/* What the driver wrote before the word that was just loaded is seen by loads that follow. */
static inline void word_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
/* Whoever sees the word that is stored next sees all that was stored before. */
static inline void word_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
/* What was stored is seen before what is loaded next is loaded: an index, then the other side's wish
 * to hear of it. The driver does the same the other way round. */
static inline void word_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#endif
