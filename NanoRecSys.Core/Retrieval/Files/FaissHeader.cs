namespace NanoRecSys.Core.Retrieval.Files;

/// <summary>What every index file starts with after its letters.</summary>
/// <param name="Dimension">D</param>
/// <param name="Rows">Number of vectors.</param>
/// <param name="Metric">How they compare.</param>
internal readonly record struct FaissHeader(int Dimension, int Rows, VectorMetric Metric)
{
    private const long UnusedField = 1 << 20; // FAISS writes this number where older versions had other fields.
    private const int MaxDimension = 1 << 16;

    public static FaissHeader Of(IVectorIndex index) => new(index.Dimension, index.Count, index.Metric);

    public static FaissHeader Read(FaissReader reader)
    {
        int dimension = reader.Number<int>();
        long rows = reader.Number<long>();
        reader.Skip(2 * sizeof(long));
        byte trained = reader.Number<byte>();
        int metric = reader.Number<int>();
        reader.Require(dimension is > 0 and <= MaxDimension, $"the dimension is {dimension}, expected 1 to {MaxDimension}");
        reader.Require(rows is >= 0 and <= int.MaxValue, $"{rows} rows");
        reader.Require(trained == 1, "the index is not trained");
        reader.Require(metric is 0 or 1, $"metric {metric} is not one that is read here (0 inner product, 1 squared distance)");
        return new FaissHeader(dimension, (int)rows, metric == 0 ? VectorMetric.InnerProduct : VectorMetric.L2);
    }

    public void Write(FaissWriter writer)
    {
        writer.Number(Dimension);
        writer.Number((long)Rows);
        writer.Number(UnusedField);
        writer.Number(UnusedField);
        writer.Number((byte)1); // trained
        writer.Number(Metric == VectorMetric.InnerProduct ? 0 : 1);
    }
}
