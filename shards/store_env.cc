/* store_env.cc: LevelDB's Env for segments: the one C++ file, because an Env is a C++ class. It holds
 * no logic: names are told apart here, and the work is done in C.
 *
 * A file named *.log is written as frames, read as the log that frames hold, and becomes a spare
 * when LevelDB removes it. A log that LevelDB wrote itself, before there were frames, is read as it is.
 * Everything else goes to LevelDB's own Env.
 *
 * How it gets in. LevelDB's C API can set an Env, but only one that it made itself: a leveldb_env_t, whose
 * layout the header does not show, and whose first member has been the Env* since the C API exists. That
 * is not taken on trust: LevelDB is asked for one of its own, and only if its first word is
 * Env::Default() is ours put there for the call that copies it into the options. Whatever else is in
 * the struct stays LevelDB's, which also frees it.
 *
 * LevelDB checks each byte that it writes twice, in its log and in its table, and Debian's is built without the
 * processor's own CRC-32C: the function that it calls for that is here, over ours. It takes the place of LevelDB's where
 * that is linked from its archive; a LevelDB that is a shared library keeps its own, and stores the same bytes.
 *
 * No exceptions and no RTTI: LevelDB is built without, on most systems. Thread: any. */
#include "shards/store_env.h"

#include "shards/store_frame_file.h"
#include "shards/store_spares.h"

extern "C" {
#include "base/digest.h"
}

#include <leveldb/env.h>
#include <leveldb/slice.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace
{

leveldb::Status status_of(enum status st, const struct fault &f)
{
    if (st == OK)
        return leveldb::Status::OK();
    if (st == NOT_FOUND)
        return leveldb::Status::NotFound(f.text);
    return st == CORRUPT ? leveldb::Status::Corruption(f.text) : leveldb::Status::IOError(f.text);
}

bool is_log(const std::string &name)
{
    return name.size() > 4 && name.compare(name.size() - 4, 4, ".log") == 0;
}

class LogReader final : public leveldb::SequentialFile
{
  public:
    explicit LogReader(struct frame_reader *reader) : reader_(reader)
    {
    }
    ~LogReader() override
    {
        frame_reader_close(reader_);
    }
    leveldb::Status Read(size_t n, leveldb::Slice *result, char *scratch) override
    {
        struct fault f = {};
        size_t got = 0;
        enum status st = frame_reader_read(reader_, scratch, n, &got, &f);
        *result = leveldb::Slice(scratch, got);
        return status_of(st, f);
    }
    leveldb::Status Skip(uint64_t n) override
    {
        struct fault f = {};
        size_t got = 0;
        return status_of(frame_reader_read(reader_, nullptr, n, &got, &f), f);
    }

  private:
    struct frame_reader *const reader_;
};

class LogWriter final : public leveldb::WritableFile
{
  public:
    explicit LogWriter(struct frame_writer *writer) : writer_(writer)
    {
    }
    ~LogWriter() override
    {
        (void)Close();
    }
    leveldb::Status Append(const leveldb::Slice &data) override
    {
        struct fault f = {};
        return status_of(frame_writer_append(writer_, data.data(), data.size(), &f), f);
    }
    leveldb::Status Flush() override
    {
        struct fault f = {};
        return status_of(frame_writer_flush(writer_, &f), f);
    }
    leveldb::Status Sync() override
    {
        struct fault f = {};
        return status_of(frame_writer_sync(writer_, &f), f);
    }
    leveldb::Status Close() override
    {
        struct fault f = {};
        enum status st = writer_ ? frame_writer_close(writer_, &f) : OK;
        writer_ = nullptr;
        return status_of(st, f);
    }

  private:
    struct frame_writer *writer_; /* NULL: closed */
};

class SegmentEnv final : public leveldb::EnvWrapper
{
  public:
    SegmentEnv(struct store_spares *spares, bool at_flush)
        : leveldb::EnvWrapper(leveldb::Env::Default()), spares_(spares), at_flush_(at_flush)
    {
    }
    leveldb::Status NewSequentialFile(const std::string &name,
                                      leveldb::SequentialFile **result) override
    {
        struct fault f = {};
        struct frame_reader *reader = nullptr;
        enum status st = is_log(name) ? frame_reader_open(name.c_str(), &reader, &f) : END;
        if (st == END) /* not frames */
            return target()->NewSequentialFile(name, result);
        *result = st == OK ? new LogReader(reader) : nullptr;
        return status_of(st, f);
    }
    leveldb::Status NewWritableFile(const std::string &name,
                                    leveldb::WritableFile **result) override
    {
        struct fault f = {};
        struct frame_writer *writer = nullptr;
        if (!is_log(name))
            return target()->NewWritableFile(name, result);
        enum status st = frame_writer_open(name.c_str(), spares_, at_flush_, &writer, &f);
        *result = st == OK ? new LogWriter(writer) : nullptr;
        return status_of(st, f);
    }
    /* LevelDB would append to a log only with reuse_logs, which nobody asks for. */
    leveldb::Status NewAppendableFile(const std::string &name,
                                      leveldb::WritableFile **result) override
    {
        if (!is_log(name))
            return target()->NewAppendableFile(name, result);
        *result = nullptr;
        return leveldb::Status::NotSupported(name);
    }
    leveldb::Status RemoveFile(const std::string &name) override
    {
        struct fault f = {};
        if (!is_log(name))
            return target()->RemoveFile(name);
        return status_of(store_spares_keep(spares_, name.c_str(), &f), f);
    }

  private:
    struct store_spares *const spares_;
    const bool at_flush_;
};

} // namespace

struct store_env {
    SegmentEnv env;
};

struct store_env *store_env_new(struct store_spares *spares, bool at_flush)
{
    return new store_env{{spares, at_flush}};
}

void store_env_free(struct store_env *e)
{
    delete e;
}

void store_env_set(struct store_env *e, leveldb_options_t *options)
{
    leveldb_env_t *handle = leveldb_create_default_env();
    leveldb::Env *const usual = leveldb::Env::Default();
    leveldb::Env *ours = &e->env;
    if (std::memcmp(handle, &usual, sizeof(usual)) != 0) {
        std::fprintf(stderr,
                     "this LevelDB's leveldb_env_t is not the one that sluice was made for\n");
        std::abort();
    }
    std::memcpy(handle, &ours, sizeof(ours));
    leveldb_options_set_env(options, handle);
    std::memcpy(handle, &usual, sizeof(usual));
    leveldb_env_destroy(handle);
}

/* As LevelDB's util/crc32c.h has it. */
namespace leveldb
{
namespace crc32c
{
uint32_t Extend(uint32_t crc, const char *data, size_t len)
{
    return crc32c_extend(crc, bytes_of(data, len));
}
} // namespace crc32c
} // namespace leveldb
