// FAISS's official C API is not packaged everywhere. These are those of its functions that the native engine calls, with
// their exact names and signatures, over the C++ library (Debian: libfaiss-dev), so that tests run against real FAISS.
// Built by .ci/run; users install FAISS's own libfaiss_c instead.
#include <cstdint>
#include <exception>
#include <string>

#include <faiss/AutoTune.h>
#include <faiss/Index.h>
#include <faiss/IndexIVF.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/index_io.h>

namespace {
thread_local std::string last_error;

template <typename Work>
int guarded(Work work) {
    try {
        work();
        return 0;
    } catch (const faiss::FaissException& e) {
        last_error = e.what();
        return -2;
    } catch (const std::exception& e) {
        last_error = e.what();
        return -4;
    } catch (...) {
        last_error = "unknown error";
        return -1;
    }
}
}  // namespace

extern "C" {
const char* faiss_get_last_error() { return last_error.c_str(); }

#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)
const char* faiss_get_version() { return VERSION(FAISS_VERSION_MAJOR, FAISS_VERSION_MINOR, FAISS_VERSION_PATCH); }

int faiss_read_index_fname(const char* fname, int io_flags, faiss::Index** p_out) {
    return guarded([&] { *p_out = faiss::read_index(fname, io_flags); });
}

void faiss_Index_free(faiss::Index* index) { delete index; }
int faiss_Index_d(const faiss::Index* index) { return index->d; }
int64_t faiss_Index_ntotal(const faiss::Index* index) { return index->ntotal; }
int faiss_Index_metric_type(const faiss::Index* index) { return index->metric_type; }

faiss::IndexIVF* faiss_IndexIVF_cast(faiss::Index* index) { return dynamic_cast<faiss::IndexIVF*>(index); }
size_t faiss_IndexIVF_nlist(const faiss::IndexIVF* index) { return index->nlist; }
size_t faiss_IndexIVF_nprobe(const faiss::IndexIVF* index) { return index->nprobe; }

int faiss_Index_search(const faiss::Index* index, int64_t n, const float* x, int64_t k, float* distances, int64_t* labels) {
    return guarded([&] { index->search(n, x, k, distances, labels); });
}

int faiss_Index_search_with_params(
        const faiss::Index* index, int64_t n, const float* x, int64_t k, const faiss::SearchParameters* params,
        float* distances, int64_t* labels) {
    return guarded([&] { index->search(n, x, k, distances, labels, params); });
}

int faiss_IDSelectorBitmap_new(faiss::IDSelectorBitmap** p_sel, size_t n, const uint8_t* bitmap) {
    return guarded([&] { *p_sel = new faiss::IDSelectorBitmap(n, bitmap); });
}

void faiss_IDSelector_free(faiss::IDSelector* sel) { delete sel; }

int faiss_SearchParameters_new(faiss::SearchParameters** p_sp, faiss::IDSelector* sel) {
    return guarded([&] {
        auto* params = new faiss::SearchParameters();
        params->sel = sel;
        *p_sp = params;
    });
}

int faiss_SearchParametersIVF_new_with(faiss::SearchParametersIVF** p_sp, faiss::IDSelector* sel, size_t nprobe, size_t max_codes) {
    return guarded([&] {
        auto* params = new faiss::SearchParametersIVF();
        params->sel = sel;
        params->nprobe = nprobe;
        params->max_codes = max_codes;
        *p_sp = params;
    });
}

void faiss_SearchParameters_free(faiss::SearchParameters* params) { delete params; }

int faiss_ParameterSpace_new(faiss::ParameterSpace** space) {
    return guarded([&] { *space = new faiss::ParameterSpace(); });
}

int faiss_ParameterSpace_set_index_parameter(
        const faiss::ParameterSpace* space, faiss::Index* index, const char* name, double value) {
    return guarded([&] { space->set_index_parameter(index, name, value); });
}

void faiss_ParameterSpace_free(faiss::ParameterSpace* space) { delete space; }
}
