/* Shared memory as threads of weaker processors than x86 see it; for the models beside this file.

   A variable has its newest value and the one before. A load takes either, unless the thread has cause to know of the newest: it has
   stored or loaded that one itself, or has acquired it with something else that was stored after it. So a store may become visible late,
   later than stores that follow it, and to one thread earlier than to another. What is acquired goes by release and acquire, by fences, and by
   read-modify-writes, as in C++20. What this leaves out: a load is never late (what must have ended before something is given away is
   therefore checked by `knows_no_use`, below), no value is older than the one before the newest, and stores of two threads to
   one variable are in the order in which they were made.

   Whoever includes this defines VARIABLES (up to 30) and THREADS; variables and threads are numbered from 0. All is 0 at the beginning and known to all.

   A step of the model is one of these, so that whoever dies has done a step or has not. The kernel's own objects (locks, folders, who sleeps
   on a futex) are plain variables of the model: the kernel shows them to all in one order. */

#define BIT(x) (1 << (x))

typedef Variable {
  short now; short before;
  int with_now; int with_before  /* what whoever acquires that value knows of: a bit for each variable whose newest value it is */
};
Variable memory[VARIABLES];

typedef Thread {
  int knows;   /* of the newest values of these variables */
  int loose;   /* loaded without acquire: known after the next fence */
  int fenced   /* known at the last fence that releases: goes along with each later store */
};
Thread thread[THREADS];
int fences;  /* known to whoever has passed a fence, seq_cst, so far */
hidden byte each;

inline begin_memory() {
  d_step {
    for (each : 0 .. VARIABLES - 1) { memory[each].with_now = ~0; memory[each].with_before = ~0 }
    for (each : 0 .. THREADS - 1) { thread[each].knows = ~0; thread[each].loose = ~0; thread[each].fenced = ~0 }
    fences = ~0;
    each = 0
  }
}

/* From here on what anybody knew to be the newest value is the one before. */
inline outdate(x) {
  for (each : 0 .. VARIABLES - 1) {
    memory[each].with_now = memory[each].with_now & ~BIT(x);
    memory[each].with_before = memory[each].with_before & ~BIT(x)
  }
  for (each : 0 .. THREADS - 1) {
    thread[each].knows = thread[each].knows & ~BIT(x);
    thread[each].loose = thread[each].loose & ~BIT(x);
    thread[each].fenced = thread[each].fenced & ~BIT(x)
  }
  fences = fences & ~BIT(x);
  each = 0
}

#define relaxed 0
#define ordered 1  /* a store releases, a load acquires, a read-modify-write does both */

/* Only inside of d_step. */
inline store_now(me, x, value, order) {
  outdate(x);
  memory[x].before = memory[x].now;
  memory[x].with_before = memory[x].with_now;
  memory[x].now = value;
  thread[me].knows = thread[me].knows | BIT(x);
  memory[x].with_now = ((order) -> thread[me].knows : thread[me].fenced) | BIT(x)
}
inline learn_now(me, x, order) {
  thread[me].knows = thread[me].knows | BIT(x) | ((order) -> memory[x].with_now : 0);
  thread[me].loose = thread[me].loose | memory[x].with_now
}

inline store(me, x, value, order) {
  d_step { store_now(me, x, value, order); printf("thread %d stores %d in %d\n", me, memory[x].now, x) }
}
inline load(me, x, got, order) {
  atomic {
    if
    :: got = memory[x].now;
       d_step { learn_now(me, x, order); printf("thread %d loads %d, the newest, from %d\n", me, got, x) }
    :: !(thread[me].knows & BIT(x)) ->
       got = memory[x].before;
       d_step {
         thread[me].knows = thread[me].knows | ((order) -> memory[x].with_before : 0);
         thread[me].loose = thread[me].loose | memory[x].with_before;
         printf("thread %d loads %d, outdated, from %d\n", me, got, x)
       }
    fi
  }
}
/* A read-modify-write sees the newest value; what was released with it goes along with the new one. */
inline exchange(me, x, value, got) {
  d_step {
    got = memory[x].now;
    exchange_now(me, x, value);
    printf("thread %d exchanges %d for %d in %d\n", me, got, memory[x].now, x)
  }
}
inline exchange_now(me, x, value) {
  learn_now(me, x, ordered);
  carried = memory[x].with_now;
  store_now(me, x, value, ordered);
  memory[x].with_now = memory[x].with_now | (carried & ~BIT(x));
  carried = 0
}
hidden int carried;
/* The value that was found is in `got`: it has worked when that is what was expected. `failing` is the order of a load that it is otherwise. */
inline compare_exchange(me, x, expected, value, got, failing) {
  d_step {
    got = memory[x].now;
    if
    :: got == (expected) -> exchange_now(me, x, value)
    :: else -> learn_now(me, x, failing)
    fi;
    printf("thread %d finds %d and leaves %d in %d\n", me, got, memory[x].now, x)
  }
}

inline fence(me) {
  d_step {
    thread[me].knows = thread[me].knows | thread[me].loose | fences;
    fences = thread[me].knows;
    thread[me].fenced = thread[me].knows;
    printf("thread %d passes a fence\n", me)
  }
}
inline fence_that_acquires(me) {
  d_step { thread[me].knows = thread[me].knows | thread[me].loose }
}
inline fence_that_releases(me) {
  d_step { thread[me].fenced = thread[me].knows }
}

/* After a seq_cst access to x, and before one: among each other they have one order, also without a fence. */
inline told_to_all(x) {
  d_step { fences = fences | BIT(x) }
}
inline as_told_to_all(me, x) {
  d_step { thread[me].knows = thread[me].knows | (fences & BIT(x)) }
}

/* Who writes to plain memory, while `use` is where another notes what it uses (0: nothing; stored relaxed, right before the first and right after
   the last use): true when the writer knows that it is not used. Not enough is that the use is over by now: a late load would come
   upon what is written. */
#define knows_no_use(me, use, what) \
  (memory[use].now != (what) && (memory[use].before != (what) || (thread[me].knows & BIT(use))))
