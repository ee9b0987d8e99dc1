// Names for clang's thread-safety analysis (`make lint` runs it); nothing for other compilers.
// Source: Clang documentation, "Thread Safety Analysis".
#pragma once

#if defined(__clang__)
#define CAIRN_TSA(attribute) __attribute__((attribute))
#else
#define CAIRN_TSA(attribute)
#endif

#define CAPABILITY(name) CAIRN_TSA(capability(name))
#define SCOPED_CAPABILITY CAIRN_TSA(scoped_lockable)
#define GUARDED_BY(lock) CAIRN_TSA(guarded_by(lock))
#define PT_GUARDED_BY(lock) CAIRN_TSA(pt_guarded_by(lock))
#define REQUIRES(...) CAIRN_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) CAIRN_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) CAIRN_TSA(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) CAIRN_TSA(acquire_shared_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) CAIRN_TSA(release_shared_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) CAIRN_TSA(requires_shared_capability(__VA_ARGS__))
#define RELEASE(...) CAIRN_TSA(release_capability(__VA_ARGS__))
#define ASSERT_CAPABILITY(lock) CAIRN_TSA(assert_capability(lock))
#define NO_THREAD_SAFETY_ANALYSIS CAIRN_TSA(no_thread_safety_analysis)
