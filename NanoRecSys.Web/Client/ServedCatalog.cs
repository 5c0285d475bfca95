using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Client;

/// <summary>What the served model's catalog holds: asked once for a version, for all visitors.</summary>
public sealed class ServedCatalog(IServiceProvider services)
{
    private (string Version, CatalogOverview Catalog)? _known;

    /// <returns>Null while it is unknown.</returns>
    public CatalogOverview? Find(string? version) => _known is { } known && known.Version == version ? known.Catalog : null;

    /// <returns>Null where the API does not answer: the pages do without the catalog's words and filters then.</returns>
    public async Task<CatalogOverview?> ReadAsync(string version, CancellationToken cancellation = default)
    {
        if (Find(version) is { } known)
        {
            return known;
        }

        try
        {
            CatalogOverview catalog = await services.GetRequiredService<RecommenderClient>().CatalogAsync(cancellation);
            _known = (version, catalog);
            return catalog;
        }
        catch (ApiException)
        {
            return null;
        }
    }
}
