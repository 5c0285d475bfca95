using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Export;

/// <summary>The map that places new items, fitted to the exported item embeddings.</summary>
internal static class ContentMapExport
{
    public static ContentMapInfo Write(string folder, PreparedData data, UserEncoder encoder)
    {
        ContentMapFit fit = ContentMapFit.Make(data.Catalog, data.TrainCounts, encoder.ItemEmbeddings);
        fit.Map.Write(Path.Combine(folder, ArtifactNames.ContentMap), Path.Combine(folder, ArtifactNames.ContentFeatures));
        return new ContentMapInfo(ArtifactNames.ContentMap, ArtifactNames.ContentFeatures, fit.Ridge, fit.HeldOutCosine);
    }
}
