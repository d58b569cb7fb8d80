#include "proc_text.hpp"
#include "target.hpp"

// /proc/sysvipc/{shm,msg,sem}.

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace ginnel;
  inventory::for_each_row(fuzz::text_of(bytes, size), [](const inventory::SysvRow& row) {
    for (const std::string_view title : {"shmid", "msqid", "semid", "uid", "cpid", "nattch", "ctime", "swap"})
      static_cast<void>(row.number(title));
    static_cast<void>(row.octal("perms"));
    static_cast<void>(row.key());
  });
  return 0;
}
