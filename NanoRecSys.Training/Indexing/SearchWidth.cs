using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Retrieval.Hnsw;
using NanoRecSys.Core.Retrieval.Ivf;

namespace NanoRecSys.Training.Indexing;

/// <summary>How widely an index searches: lists probed (nprobe) or rows kept in sight (efSearch); 0 where it compares all.</summary>
public static class SearchWidth
{
    /// <summary>FAISS's name for it, or null where there is none.</summary>
    public static string? NameOf(IVectorIndex index) => index switch
    {
        IvfIndex => "nprobe",
        HnswIndex => "ef_search",
        _ => null,
    };

    public static int Of(IVectorIndex index) => index switch
    {
        IvfIndex ivf => ivf.Probes,
        HnswIndex hnsw => hnsw.Breadth,
        _ => 0,
    };

    public static void Set(IVectorIndex index, int width)
    {
        switch (index)
        {
            case IvfIndex ivf:
                ivf.Probes = width;
                break;
            case HnswIndex hnsw:
                hnsw.Breadth = width;
                break;
        }
    }

    /// <summary>The widest that makes a difference.</summary>
    public static int Most(IVectorIndex index) => index switch
    {
        IvfIndex ivf => ivf.Lists.Count,
        HnswIndex hnsw => Math.Min(hnsw.Count, 4096), // a walk of that many compares most rows
        _ => 0,
    };

    /// <summary>Sets the index to the least width at which enough is found, or to the most there is.</summary>
    /// <param name="index">The index.</param>
    /// <param name="recall">Measures the share of neighbours found as the index is set.</param>
    /// <param name="target">What is enough.</param>
    /// <param name="k">Neighbours that it is measured by: a graph keeps as many in sight at least, also when it is asked for fewer later.</param>
    public static void Tune(IVectorIndex index, Func<double> recall, double target, int k = 1)
    {
        ArgumentNullException.ThrowIfNull(recall);
        int most = Most(index);
        int high = index is HnswIndex ? Math.Min(k, most) : 1, low = high - 1;
        for (Set(index, high); high < most && recall() < target; Set(index, high))
        {
            (low, high) = (high, Math.Min(most, 2 * high));
        }

        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            Set(index, middle);
            (low, high) = recall() < target ? (middle, high) : (low, middle);
        }

        Set(index, high);
    }
}
