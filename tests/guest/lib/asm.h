/* What the runtime's assembly and its C share: offsets into struct hart and struct frame. */
#ifndef GUEST_ASM_H
#define GUEST_ASM_H

#define MAX_HARTS 32
#define STACK_SIZE 8192

#define HART_USER_SP 64
#define HART_SAVED_SP 72
#define HART_FIXUP 80
#define HART_START 88
#define HART_SIZE 320

#define FRAME_SSTATUS 256
#define FRAME_SEPC 264
#define FRAME_SCAUSE 272
#define FRAME_STVAL 280
#define FRAME_SIZE 288

#endif
