namespace NanoRecSys.Core.Retrieval;

/// <summary>Names of the kinds of index, as the command line and the manifest spell them.</summary>
public static class IndexKinds
{
    /// <summary>Every row is compared; exact.</summary>
    public const string Flat = "flat";

    /// <summary>Rows in lists by the nearest of some centroids; the lists nearest to the query are searched.</summary>
    public const string IvfFlat = "ivf-flat";

    /// <summary>The same, rows as one byte per dimension.</summary>
    public const string IvfScalar = "ivf-sq8";

    /// <summary>The same, rows as a few bytes: the nearest of 256 centroids in each of some parts of the vector.</summary>
    public const string IvfProduct = "ivf-pq";

    /// <summary>A graph whose edges lead to near rows (Malkov and Yashunin, 2016).</summary>
    public const string Hnsw = "hnsw";

    public static readonly IReadOnlyList<string> All = [Flat, IvfFlat, IvfScalar, IvfProduct, Hnsw];
}

/// <summary>Names of the code that searches.</summary>
public static class IndexEngines
{
    /// <summary>Ours; needs nothing native.</summary>
    public const string Managed = "managed";

    /// <summary>The FAISS library, where it is installed.</summary>
    public const string Faiss = "faiss";
}
