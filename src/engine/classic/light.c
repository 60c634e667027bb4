/* The light path: not yet. */
#include "engine/classic/classic.h"

u64 classic_light(struct classic_frame *frame, u64 scause)
{
	(void)frame;
	return scause;
}
