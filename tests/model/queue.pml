/* The queue: claim, fill, publish in a cell, take at the slot, reopen the cell, acknowledge; and recovery.
   Code: QueueCore (claim, publish, take, take_queued, take_from, take_returned, acknowledge, look_at_cell, reopen_cell, move_on), QueueMembers (sweep, declare_dead,
   recover_dead, settle_cell, release_slots), mark_returned. One priority; two slots, and two cells instead of eight, so that both come round.

   One pusher (0) and two poppers (1, 2). The pusher and the first popper may die at any step; whoever finds nothing to do looks for the dead.

   This one has not been searched to its end yet, nor have its faults been planted: tests/model/run queue does it.

   To be proven: what is published is acknowledged exactly once by one who lives, and until then delivered to one at a time, whole, with the right
   count of deliveries; while nobody dies it is delivered once, and to one popper in the order of pushing; in the end all slots are free and all cells
   empty; the memory never seems to contradict itself.

   proof -DMESSAGES=1
   proof
   proof -DMESSAGES=1 -DDEATHS

   fault PAYLOAD_AFTER_PUBLISH     a message is written after its cell names it
   fault PUBLISH_RELAXED           ... the cell is stored without release
   fault NOT_ACQUIRED              cell and slot are looked at, and the message taken, without acquire
   fault ACK_RELAXED               a slot is freed without release: what is read of its message may be late
   fault CELL_NOT_LOOKED_AT_AGAIN  the slot's word is not read between two looks at an unchanged cell
   fault FREED_BEFORE_REOPENED     a message is acknowledged before its cell is reopened
   fault SAME_GENERATION           a slot that is freed keeps its generation
   fault RETURNED_NOT_MARKED -DDEATHS       nobody is told that a dead one's message came back
   fault CELLS_NOT_SETTLED -DDEATHS         recovery frees what a cell still names
   fault HELD_IS_FREED -DDEATHS             recovery frees what the dead one held
   fault NUMBER_NOT_CHECKED -DDEATHS -DREJOINS  recovery does not look whether the number is still the dead one's
   fault ALIVE_IS_DEAD             whoever does nothing for a while is taken for dead */

#ifndef MESSAGES
#define MESSAGES 2
#endif
#define SLOTS 2
#define CELLS 2

#define slot(s) (s)
#define cell(position) (SLOTS + (position) % CELLS)
#define payload(s) (SLOTS + CELLS + (s))
#define note(s) (2 * SLOTS + CELLS + (s))  /* the position that it was pushed to */
#define tail (3 * SLOTS + CELLS)
#define head (3 * SLOTS + CELLS + 1)
#define mark (3 * SLOTS + CELLS + 2)       /* odd: returned messages may be there */
#define participant(n) (3 * SLOTS + CELLS + 3 + (n))
#define use(n) (3 * SLOTS + CELLS + 3 + THREADS + (n))
#define VARIABLES (3 * SLOTS + CELLS + 3 + 2 * THREADS)
#define THREADS 3
#include "memory.pml"

#ifdef DEATHS
#define may_die(me) unless { dies[me] }
#else
#define may_die(me)
#endif

#define pusher 0
#define FREE 0
#define FILLING 1
#define QUEUED 2
#define HELD 3
#define RETURNED 4
#define slot_word(state, owner, deliveries, generation) ((state) + 8 * (owner) + 32 * (deliveries) + 256 * (generation))
#define state_of(word) ((word) % 8)
#define owner_of(word) ((word) / 8 % 4)        /* from 1 on */
#define deliveries_of(word) ((word) / 32 % 8)
#define generation_of(word) ((word) / 256)
#ifdef SAME_GENERATION
#define next_generation(word) generation_of(word)
#else
#define next_generation(word) (generation_of(word) + 1)
#endif
#define freed(word) slot_word(FREE, 0, 0, next_generation(word))
#define returned(word) slot_word(RETURNED, 0, deliveries_of(word), generation_of(word) + 1)
#define held_by(me, word) slot_word(HELD, (me) + 1, deliveries_of(word) + 1, generation_of(word))

#define cell_word(round, slot_plus_one) ((slot_plus_one) + 4 * (round))
#define round_of_cell(word) ((word) / 4)
#define is_open(word) ((word) % 4 == 0)
#define slot_in(word) ((word) % 4 - 1)
#define round_of(position) ((position) / CELLS)
#define reopened(word) cell_word(round_of_cell(word) + 1, 0)

#ifdef NOT_ACQUIRED
#define looking relaxed
#else
#define looking ordered
#endif

#define LIVE 1
#define DEAD 2
#define VACANT 0

bool dies[THREADS];
bool gone[THREADS];      /* the kernel has taken its lock away */
bool was_recovered[THREADS];
bool pusher_ended;
byte deaths;
bool published[MESSAGES + 2];
byte delivered[MESSAGES + 2];
byte acknowledged[MESSAGES + 2];

/* A cell names a slot: its word in `word`, and what that says in `found`. */
#define AVAILABLE 1
#define SPENT 2
#define CHANGED 3
inline look_at_cell(position, cell_seen) {
  load(me, slot(slot_in(cell_seen)), word, looking);
#ifdef CELL_NOT_LOOKED_AT_AGAIN
  got = cell_seen;
#else
  load(me, cell(position), got, relaxed);
#endif
  if
  :: got != cell_seen -> found = CHANGED
  :: got == cell_seen && (state_of(word) == FILLING || state_of(word) == QUEUED) -> found = AVAILABLE
  :: got == cell_seen && state_of(word) == HELD -> found = SPENT
  :: else ->
#ifdef CELL_NOT_LOOKED_AT_AGAIN
     found = CHANGED
#else
     assert(false)
#endif
  fi
}
inline reopen_cell(position, cell_seen) {
  compare_exchange(me, cell(position), cell_seen, reopened(cell_seen), got, ordered)
}
inline move_on(end, position) {
  load(me, end, got, relaxed);
  if
  :: position > got -> store(me, end, position, ordered)
  :: else
  fi
}

inline declare_dead_and_recover(n) {
  load(me, participant(n), dead_word, ordered);
  if
  :: dead_word % 4 == LIVE && gone[n] ->
     compare_exchange(me, participant(n), dead_word, dead_word + DEAD - LIVE, got, ordered);
     if
     :: got == dead_word || got == dead_word + DEAD - LIVE -> dead_word = dead_word + DEAD - LIVE; recover_dead(n)
     :: else  /* another has done all of it */
     fi
  :: dead_word % 4 == DEAD -> recover_dead(n)
  :: else
  fi
}

inline recover_dead(n) {
#ifndef CELLS_NOT_SETTLED
  for (at : 0 .. CELLS - 1) {
    do
    :: load(me, cell(at), seen, ordered);
       if
       :: is_open(seen) -> break
       :: else
       fi;
       look_at_cell(at, seen);
       if
       :: found == SPENT -> reopen_cell(at, seen)
       :: found == AVAILABLE && (state_of(word) == QUEUED || owner_of(word) != n + 1) -> break
       :: found == AVAILABLE && state_of(word) == FILLING && owner_of(word) == n + 1 ->
          compare_exchange(me, slot(slot_in(seen)), word, slot_word(QUEUED, 0, 0, generation_of(word)), got, relaxed);
          if
          :: got == word -> break
          :: else
          fi
       :: found == CHANGED
       fi
    od
  }
#endif
  completed = false;
  for (at : 0 .. SLOTS - 1) {
    load(me, slot(at), word, ordered);
    if
    :: !completed && owner_of(word) == n + 1 && (state_of(word) == FILLING || state_of(word) == HELD) ->
#ifndef NUMBER_NOT_CHECKED
       load(me, participant(n), got, ordered);
       if
       :: got != dead_word -> completed = true
       :: else ->
#endif
          if
#ifdef HELD_IS_FREED
          :: true
#else
          :: state_of(word) == FILLING
#endif
             -> compare_exchange(me, slot(at), word, freed(word), got, ordered)
          :: else -> compare_exchange(me, slot(at), word, returned(word), got, ordered)
          fi
#ifndef NUMBER_NOT_CHECKED
       fi
#endif
    :: else
    fi
  }
  at = 0;
  if
  :: completed
  :: else ->
     mark_returned();
     atomic {
       compare_exchange(me, participant(n), dead_word, dead_word - DEAD + VACANT, got, relaxed);
       was_recovered[n] = true
     }
  fi;
  completed = false
}

inline mark_returned() {
#ifdef RETURNED_NOT_MARKED
  skip
#else
  exchange(me, mark, memory[mark].now + 2, got);
  exchange(me, mark, memory[mark].now - memory[mark].now % 2 + 1, got)
#endif
}

inline sweep() {
  for (other : 0 .. THREADS - 1) {
#ifdef ALIVE_IS_DEAD
    gone[other] = true;
#endif
    if
    :: other != me && gone[other] && !was_recovered[other] -> declare_dead_and_recover(other)
    :: else
    fi
  }
  other = 0; word = 0; seen = 0; found = 0; dead_word = 0
}

inline claim() {
  do
  :: load(me, slot(mine), word, relaxed);
     if
     :: state_of(word) == FREE ->
        mine_word = slot_word(FILLING, me + 1, 0, generation_of(word));
        compare_exchange(me, slot(mine), word, mine_word, got, relaxed);
        if
        :: got == word -> break
        :: else
        fi
     :: else
     fi;
     mine = (mine + 1) % SLOTS;
     if
     :: mine == 0 -> sweep()
     :: else
     fi
  od
}

inline fill(message) {
  d_step {
    for (each_other : 0 .. THREADS - 1) { assert(knows_no_use(me, use(each_other), mine + 1)) }
    each_other = 0
  }
  store(me, payload(mine), message + 1, relaxed)
}
hidden byte each_other;

inline publish(message) {
  load(me, tail, position, ordered);
  do
  :: load(me, cell(position), seen, ordered);
     if
     :: round_of_cell(seen) == round_of(position) && is_open(seen) ->
        store(me, note(mine), position, relaxed);
        atomic {
#ifdef PUBLISH_RELAXED
          if
          :: memory[cell(position)].now == seen -> store(me, cell(position), seen + mine + 1, relaxed); got = seen
          :: else -> got = seen + 1
          fi;
#else
          compare_exchange(me, cell(position), seen, seen + mine + 1, got, relaxed);
#endif
          if
          :: got == seen -> published[message] = true
          :: else
          fi
        }
        if
        :: got == seen -> move_on(tail, position + 1); break
        :: else
        fi
     :: round_of_cell(seen) == round_of(position) && !is_open(seen) -> position++
     :: round_of_cell(seen) > round_of(position) ->
        position = position + 1 + (round_of_cell(seen) - round_of(position) - 1) * CELLS
     :: round_of_cell(seen) < round_of(position) ->
        assert(round_of_cell(seen) + 1 == round_of(position) && !is_open(seen));
        look_at_cell(position, seen);
        assert(found != AVAILABLE);
        if
        :: found == SPENT -> reopen_cell(position, seen)
        :: else
        fi
     fi
  od;
  position = 0; seen = 0; word = 0; found = 0; mine_word = 0
}

proctype Pusher(byte me, first, count) {
  byte message, mine, position, found, other, at;
  short got, word, seen, mine_word, dead_word;
  bool completed;
  {
    message = first;
    do
    :: message == first + count -> break
    :: else ->
       claim();
#ifndef PAYLOAD_AFTER_PUBLISH
       fill(message);
#endif
       publish(message);
#ifdef PAYLOAD_AFTER_PUBLISH
       fill(message);
#endif
       message++
    od;
    fence(me);
    pusher_ended = true
  } may_die(me)
}

/* `taken`: a message is held; else there is none. */
inline take_queued() {
  load(me, head, position, looking);
  do
  :: load(me, cell(position), seen, looking);
     if
     :: round_of_cell(seen) > round_of(position) ->
        position = position + 1 + (round_of_cell(seen) - round_of(position) - 1) * CELLS
     :: round_of_cell(seen) < round_of(position) -> assert(false)
     :: round_of_cell(seen) == round_of(position) && is_open(seen) -> move_on(head, position); break
     :: round_of_cell(seen) == round_of(position) && !is_open(seen) ->
        look_at_cell(position, seen);
        if
        :: found == SPENT -> reopen_cell(position, seen); position++
        :: found == CHANGED
        :: found == AVAILABLE ->
           held = held_by(me, word);
           take_slot(slot_in(seen));
           if
           :: taken ->
#ifndef FREED_BEFORE_REOPENED
              reopen_cell(position, seen);
              move_on(head, position + 1);
#endif
              break
           :: else
           fi
        fi
     fi
  od
}

inline take_slot(which) {
  mine = which;
  atomic {
#ifdef NOT_ACQUIRED
    d_step {
      if
      :: memory[slot(mine)].now == word -> store_now(me, slot(mine), held, ordered); got = word
      :: else -> got = word + 1
      fi
    }
#else
    compare_exchange(me, slot(mine), word, held, got, relaxed);
#endif
    taken = (got == word);
    if
    :: taken -> delivered[memory[payload(mine)].now - 1]++
    :: else
    fi
  }
}

inline take() {
  load(me, mark, mark_seen, ordered);
  do
  :: mark_seen % 2 == 0 -> take_queued(); break
  :: else ->
     load(me, mark, mark_seen, ordered);
     /* the returned message that was pushed first */
     first = 0; first_word = 0; first_position = 255;
     for (at : 0 .. SLOTS - 1) {
       load(me, slot(at), word, ordered);
       if
       :: state_of(word) == RETURNED ->
          load(me, note(at), got, relaxed);
          if
          :: got < first_position -> first = at; first_word = word; first_position = got
          :: else
          fi
       :: else
       fi
     }
     at = 0;
     if
     :: first_position == 255 ->
        if
        :: mark_seen % 2 == 1 -> compare_exchange(me, mark, mark_seen, mark_seen - 1, got, relaxed)
        :: else
        fi;
        take_queued();
        break
     :: else ->
        word = first_word;
        held = held_by(me, word);
        take_slot(first);
        if
        :: taken -> break
        :: else
        fi
     fi
  od;
  mark_seen = 0; first = 0; first_word = 0; first_position = 0
}

proctype Popper(byte me) {
  byte mine, position, found, other, at, first, first_position, last, newest;
  short got, word, seen, held, mark_seen, first_word, dead_word;
  bool taken, completed, is_end;
  {
    do
    :: is_end = (pusher_ended || was_recovered[pusher]) &&
                (!gone[1] || was_recovered[1]) && (!gone[pusher] || was_recovered[pusher]);
       if
       :: is_end -> fence(me)  /* what the kernel has told is no older than what it told of */
       :: else
       fi;
       take();
       if
       :: taken ->
          atomic {
            store(me, use(me), mine + 1, relaxed);
            load(me, payload(mine), got, relaxed);
            assert(got > 0 && published[got - 1] && acknowledged[got - 1] == 0);
            assert(deliveries_of(held) == delivered[got - 1]);
            assert(deaths > 0 || (delivered[got - 1] == 1 && got > newest));
            newest = got;
            last = got;
            store(me, use(me), 0, relaxed)
          }
          atomic {
#ifdef ACK_RELAXED
            d_step {
              got = memory[slot(mine)].now;
              if
              :: got == held -> store_now(me, slot(mine), freed(held), relaxed)
              :: else
              fi
            }
#else
            compare_exchange(me, slot(mine), held, freed(held), got, relaxed);
#endif
            assert(got == held);
            acknowledged[last - 1]++;
            last = 0; taken = false; mine = 0; held = 0
          }
#ifdef FREED_BEFORE_REOPENED
          if
          :: !is_open(seen) -> reopen_cell(position, seen); move_on(head, position + 1)
          :: else
          fi;
#endif
          position = 0; seen = 0; word = 0; found = 0
       :: !taken && is_end -> break
       :: else ->
          position = 0; seen = 0; word = 0; found = 0; mine = 0; held = 0;
          sweep()
       fi
    od;
    fence(me)
  } may_die(me)
}

proctype Death(byte who) {
  atomic { dies[who] = true; deaths++ }
  atomic { fence(who); gone[who] = true }
}

proctype Rejoin() {
  /* another process that takes the dead pusher's number, once that is vacant, and pushes a message */
  byte got;
  was_recovered[pusher];
  atomic {
    compare_exchange(pusher, participant(pusher), memory[participant(pusher)].now, memory[participant(pusher)].now + 4 + LIVE, got, ordered);
    dies[pusher] = false; gone[pusher] = false; pusher_ended = false; was_recovered[pusher] = false;
    run Pusher(pusher, MESSAGES, 1)
  }
}

init {
  byte i;
  atomic {
    begin_memory();
    for (i : 0 .. THREADS - 1) { store(i, participant(i), LIVE, ordered) }
    for (i : 0 .. THREADS - 1) { fence(i) }
    for (i : 0 .. THREADS - 1) { fence(i) }
    i = 0;
    run Pusher(pusher, 0, MESSAGES);
    run Popper(1);
    run Popper(2);
#ifdef DEATHS
#ifdef REJOINS
    run Death(pusher);
    run Rejoin()
#else
    if
    :: run Death(pusher)
    :: run Death(1)
    fi
#endif
#endif
  }
#ifndef REJOINS
  (_nr_pr == 1);
  d_step {
    for (i : 0 .. MESSAGES - 1) { assert(acknowledged[i] == published[i]) }
    for (i : 0 .. SLOTS - 1) { assert(state_of(memory[slot(i)].now) == FREE) }
    for (i : 0 .. CELLS - 1) { assert(is_open(memory[cell(i)].now)) }
    i = 0
  }
#endif
}
