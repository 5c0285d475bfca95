using System.Collections.Concurrent;
using Markdig;
using Markdig.Extensions.AutoIdentifiers;
using Markdig.Extensions.Tables;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace NanoRecSys.Web.Components.Docs;

/// <summary>A page of the documentation shipped with the program.</summary>
/// <param name="Title">Its first heading.</param>
internal sealed record DocPage(string Title, string Html)
{
    public const string Address = "/docs";
    public const string Index = "README.md";

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "docs");
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().UseAutoIdentifiers(AutoIdentifierOptions.GitHub).Build();
    private static readonly ConcurrentDictionary<string, DocPage> Rendered = new(StringComparer.Ordinal);

    public static IReadOnlySet<string> Paths { get; } = Directory.EnumerateFiles(Folder, "*.md", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Folder, file).Replace('\\', '/')).ToHashSet(StringComparer.Ordinal); // such as lab/retriever.md

    /// <returns>Null if there is no such page.</returns>
    public static DocPage? Find(string? path) => string.IsNullOrEmpty(path) ? Find(Index)
        : Paths.Contains(path) ? Rendered.GetOrAdd(path, static known => Render(known, File.ReadAllText(Path.Combine(Folder, known)))) : null;

    // An endpoint, because the pages' route takes precedence over static files.
    public static void MapImages(WebApplication app)
    {
        string folder = Path.Combine(Folder, "images");
        HashSet<string> names = [.. Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file))];
        app.MapGet($"{Address}/images/{{name}}", IResult (string name) => names.Contains(name)
            ? TypedResults.PhysicalFile(Path.Combine(folder, name), name.EndsWith(".png", StringComparison.Ordinal) ? "image/png" : "image/jpeg")
            : TypedResults.NotFound());
    }

    internal static DocPage Render(string path, string text)
    {
        MarkdownDocument document = Markdown.Parse(text, Pipeline);
        var here = new Uri($"http://here{Address}/{path}");
        foreach (LinkInline link in document.Descendants<LinkInline>().ToArray())
        {
            Uri to = new(here, link.Url);
            string local = to.AbsolutePath[Math.Min(Address.Length + 1, to.AbsolutePath.Length)..];
            if (to.Host == here.Host && !link.IsImage && !Paths.Contains(local))
            {
                link.ReplaceBy(new ContainerInline(), copyChildren: true); // a link to a file of the repository
            }
            else if (to.Host == here.Host)
            {
                link.Url = to.AbsolutePath + to.Fragment; // relative links would resolve against the site's root
            }
        }

        // Code in a table must escape pipes, which Markdig leaves escaped.
        foreach (CodeInline code in document.Descendants<Table>().SelectMany(table => table.Descendants<CodeInline>()))
        {
            code.Content = code.Content.Replace("\\|", "|", StringComparison.Ordinal);
        }

        string title = document.Descendants<HeadingBlock>().FirstOrDefault()?.Inline?.Descendants<LiteralInline>().Aggregate("", (all, part) => all + part.Content) ?? path;
        return new DocPage(title, document.ToHtml(Pipeline)
            .Replace("<table>", "<div class=\"table-scroll\" tabindex=\"0\"><table class=\"plain\">", StringComparison.Ordinal).Replace("</table>", "</table></div>", StringComparison.Ordinal)
            .Replace("<th></th>", "<td></td>", StringComparison.Ordinal)
            .Replace("<pre>", "<pre tabindex=\"0\">", StringComparison.Ordinal)
            .Replace("<img ", "<img loading=\"lazy\" ", StringComparison.Ordinal));
    }
}
