using System.Text.Json.Nodes;

namespace NanoRecSys.UnitTests.Core.Artifacts;

public sealed class ArtifactStoreTests : FolderTests
{
    private readonly ArtifactStore _store;

    public ArtifactStoreTests() => _store = new ArtifactStore(Folder.Path);

    [Fact]
    public void Before_the_first_publish_nothing_is_current()
    {
        Assert.Null(_store.ReadCurrent());
        Assert.Empty(_store.ListVersions());
    }

    [Fact]
    public void A_published_version_is_current_and_opens_with_its_manifest()
    {
        ArtifactVersion published = TinyVersion.Publish(_store);
        Assert.Equal(published.Manifest.ModelVersion, _store.ReadCurrent());
        Assert.Equal([published.Manifest.ModelVersion], _store.ListVersions());

        ArtifactVersion opened = _store.Open(published.Manifest.ModelVersion);
        Assert.Equal(TinyVersion.Draft.Model, opened.Manifest.Model);
        Assert.Equal(TinyVersion.Files.Keys.Order(StringComparer.Ordinal), opened.Manifest.Files.Select(file => file.Name));
        Assert.Equal("tower", File.ReadAllText(opened.PathOf(ArtifactNames.UserTower)));
    }

    [Fact]
    public void A_version_is_named_by_its_content()
    {
        string first = TinyVersion.Publish(_store).Manifest.ModelVersion;
        string other = TinyVersion.Publish(_store, (ArtifactNames.Histories, "others")).Manifest.ModelVersion;
        string again = TinyVersion.Publish(_store).Manifest.ModelVersion;
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
        Assert.Equal(first, _store.ReadCurrent());
        Assert.Equal(2, _store.ListVersions().Count);
    }

    // printf 'aa  x\nbb  a\n' | sha256sum
    [Fact]
    public void A_version_s_name_is_the_beginning_of_the_hash_of_the_sorted_lines()
    {
        string name = VersionName.Of([new ArtifactFile("a", "bb", 1), new ArtifactFile("x", "aa", 2)]);
        Assert.Equal("ad7d62f53ef6", name);
        Assert.True(VersionName.IsWellFormed(name));
    }

    [Fact]
    public void Publishing_the_same_content_again_leaves_a_readers_files_in_place_and_renews_the_manifest()
    {
        ArtifactVersion first = TinyVersion.Publish(_store);
        using FileStream open = File.OpenRead(first.PathOf(ArtifactNames.UserTower));
        DateTime written = File.GetLastWriteTimeUtc(open.Name);

        ArtifactVersion second = TinyVersion.Publish(_store, TinyVersion.Draft with { Seed = 99 });

        Assert.Equal(written, File.GetLastWriteTimeUtc(first.PathOf(ArtifactNames.UserTower)));
        Assert.Equal(99, _store.Open(second.Manifest.ModelVersion).Manifest.Seed);
        Assert.Empty(Leftovers());
    }

    [Fact]
    public void A_changed_byte_in_any_file_is_refused()
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        foreach (string path in Directory.EnumerateFiles(version.Folder, "*", SearchOption.AllDirectories))
        {
            byte[] original = File.ReadAllBytes(path);
            for (int i = 0; i < original.Length; i++)
            {
                byte[] changed = [.. original];
                changed[i] ^= 1;
                File.WriteAllBytes(path, changed);
                Assert.Throws<ArtifactException>(() => _store.Open(version.Manifest.ModelVersion));
            }

            File.WriteAllBytes(path, original);
        }

        Assert.NotNull(_store.Open(version.Manifest.ModelVersion));
    }

    [Fact]
    public void A_missing_or_longer_file_is_refused_by_name()
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        File.AppendAllText(version.PathOf(ArtifactNames.Catalog), "more");
        AssertRefused(version, "catalog.parquet has 11 bytes, its manifest says 7");
        File.Delete(version.PathOf(ArtifactNames.Catalog));
        AssertRefused(version, "catalog.parquet is missing");
    }

    [Theory]
    [InlineData("1", "schema 1, this program reads 2")]
    [InlineData("\"1\"", "schema none")]
    [InlineData("null", "schema none")]
    public void A_manifest_of_another_schema_is_refused(string schema, string reason)
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        string path = version.PathOf(ArtifactNames.Manifest);
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"schema_version\": 2", "\"schema_version\": " + schema, StringComparison.Ordinal));
        AssertRefused(version, reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"schema_version\": 2}")]
    [InlineData("{\"schema_version\": 2, \"files\": [null]}")]
    public void An_invalid_manifest_is_refused(string text)
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        File.WriteAllText(version.PathOf(ArtifactNames.Manifest), text);
        AssertRefused(version, "manifest");
    }

    [Fact]
    public void Versions_are_ordered_by_their_creation_and_not_by_file_times()
    {
        string second = TinyVersion.Publish(_store, TinyVersion.Draft with { Created = new DateTimeOffset(2026, 2, 1, 0, 0, 0, TimeSpan.Zero) }, (ArtifactNames.Histories, "b")).Manifest.ModelVersion;
        string third = TinyVersion.Publish(_store, TinyVersion.Draft with { Created = new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero) }, (ArtifactNames.Histories, "c")).Manifest.ModelVersion;
        string first = TinyVersion.Publish(_store, TinyVersion.Draft with { Created = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) }, (ArtifactNames.Histories, "a")).Manifest.ModelVersion;
        string damaged = TinyVersion.Publish(_store, (ArtifactNames.Histories, "d")).Manifest.ModelVersion;
        File.WriteAllText(Path.Combine(_store.FolderOf(damaged), ArtifactNames.Manifest), "{");

        Assert.Equal([third, second, first, damaged], _store.ListVersions());
    }

    [Fact]
    public void A_copy_has_the_bytes_that_were_verified_whatever_becomes_of_the_version()
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        string folder = Directory.CreateDirectory(Path.Combine(Folder.Path, "copy")).FullName;

        ArtifactVersion copy = _store.Copy(version.Manifest.ModelVersion, folder);
        foreach (string path in Directory.EnumerateFiles(version.Folder, "*", SearchOption.AllDirectories))
        {
            File.WriteAllText(path, "");
        }

        Assert.All(TinyVersion.Files, file => Assert.Equal(file.Value, File.ReadAllText(copy.PathOf(file.Key))));
        Assert.Equal(folder, copy.Folder);
    }

    [Theory]
    [InlineData("0123456789ab\n", "0123456789ab")]
    [InlineData("  0123456789ab\r\n", "0123456789ab")]
    [InlineData("\n", null)]
    public void Current_is_the_name_in_its_file(string text, string? expected)
    {
        File.WriteAllText(_store.CurrentFile, text);
        Assert.Equal(expected, _store.ReadCurrent());
    }

    [Theory]
    [InlineData("0123456789AB")]
    [InlineData("0123456789abc")]
    [InlineData("0123456789ab and more than a name has, until it is longer than sixty-four bytes")]
    public void Current_without_a_versions_name_is_refused_and_its_content_not_shown(string text)
    {
        File.WriteAllText(_store.CurrentFile, text);
        ArtifactException e = Assert.Throws<ArtifactException>(() => _store.ReadCurrent());
        Assert.Contains("(12 hex digits). Remove it, then run 'publish' again or activate a version.", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("0123456789", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_link_in_a_version_is_refused(bool isFolder)
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        string name = isFolder ? "plots" : ArtifactNames.Catalog;
        string elsewhere = Path.Combine(Folder.Path, "elsewhere");
        Directory.Move(version.PathOf(name), elsewhere);
        File.CreateSymbolicLink(version.PathOf(name), elsewhere);
        AssertRefused(version, isFolder ? "plots/loss.svg is a link or in a linked folder" : "catalog.parquet is a link or in a linked folder");
    }

    [Fact]
    public void A_lock_that_a_killed_process_left_is_free()
    {
        string folder = Folder.File("work");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, ".training.lock"), "left behind");

        using IDisposable? taken = FolderLock.TryTake(folder, "training");

        Assert.NotNull(taken);
        Assert.Null(FolderLock.TryTake(folder, "training"));
    }

    [Fact]
    public void A_half_published_version_is_neither_listed_nor_opened()
    {
        string folder = Path.Combine(_store.VersionsFolder, "0123456789ab");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, ArtifactNames.UserTower), "tower");
        Assert.Empty(_store.ListVersions());
        ArtifactException e = Assert.Throws<ArtifactException>(() => _store.Open("0123456789ab"));
        Assert.Contains("no manifest.json", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_copy_of_the_same_content_is_replaced()
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        File.WriteAllText(version.PathOf(ArtifactNames.UserTower), "TOWER");
        TinyVersion.Publish(_store);
        Assert.Equal("tower", File.ReadAllText(_store.Open(version.Manifest.ModelVersion).PathOf(ArtifactNames.UserTower)));
        Assert.Empty(Leftovers());
    }

    [Theory]
    [InlineData("../0123456789ab")]
    [InlineData("0123456789AB")]
    [InlineData("0123456789abc")]
    [InlineData("")]
    public void An_invalid_version_name_is_refused(string name) => Assert.Throws<ArtifactException>(() => _store.Open(name));

    [Theory]
    [InlineData("../../secret")]
    [InlineData("/etc/passwd")]
    [InlineData("plots/../../secret")]
    [InlineData("..\\secret")]
    [InlineData("C:\\secret")]
    [InlineData("./secret")]
    [InlineData("")]
    public void A_file_name_that_leads_out_of_the_folder_is_refused(string name)
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        TinyVersion.Rewrite(version, manifest => manifest["files"]!.AsArray().Add(
            new JsonObject { ["name"] = name, ["sha256"] = new string('0', 64), ["size"] = 1 }));
        AssertRefused(version, "not a file name inside");
    }

    [Theory]
    [InlineData("index", "../other.index")]
    [InlineData("user_tower_int8", "../other.onnx")]
    [InlineData("user_tower_int8", "unlisted.onnx")]
    [InlineData("user_embeddings", "/tmp/other.npy")]
    [InlineData("user_embeddings", "unlisted.npy")]
    public void A_part_that_was_not_hashed_is_refused(string part, string file)
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        TinyVersion.Rewrite(version, manifest =>
        {
            JsonNode? described = part == "user_embeddings" ? file : manifest[part == "index" ? part : "user_tower"]!.DeepClone();
            if (described is JsonObject)
            {
                described["file"] = file;
            }

            manifest[part] = described;
        });
        AssertRefused(version, $"{file} is not among its files");
    }

    [Theory]
    [InlineData("kind", "hstu", "'hstu' blocks with 'rotary' positions; supported are the blocks transformer, gated")]
    [InlineData("positions", "absolute", "'transformer' blocks with 'absolute' positions; supported are the blocks transformer, gated and the positions rotary, relative. Run 'train-retriever'")]
    public void A_user_tower_of_a_removed_kind_is_refused(string field, string value, string reason)
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        TinyVersion.Rewrite(version, manifest => manifest["model"]![field] = value);
        AssertRefused(version, reason);
    }

    [Fact]
    public void A_ranker_with_an_item_table_of_its_own_is_refused()
    {
        ArtifactVersion version = TinyVersion.Publish(_store);
        TinyVersion.Rewrite(version, manifest =>
        {
            JsonNode table = manifest["files"]!.AsArray()[0]!.DeepClone();
            table["name"] = "ranker_embeddings.npy";
            manifest["files"]!.AsArray().Add(table);
        });
        AssertRefused(version, "its ranker has its own item table (ranker_embeddings.npy), which is no longer supported. Run 'train-ranker'");
    }

    [Fact]
    public void Without_all_its_parts_nothing_is_published()
    {
        string staging = _store.CreateStaging();
        File.WriteAllText(Path.Combine(staging, ArtifactNames.UserTower), "tower");
        Assert.Throws<ArtifactException>(() => _store.Publish(staging, TinyVersion.Draft));
        Assert.Null(_store.ReadCurrent());
        Assert.Empty(_store.ListVersions());
    }

    [Fact]
    public void Concurrent_publishers_do_not_interfere()
    {
        Parallel.For(0, 24, new ParallelOptions { MaxDegreeOfParallelism = 6 }, i =>
        {
            var store = new ArtifactStore(Folder.Path);
            ArtifactVersion version = TinyVersion.Publish(store, (ArtifactNames.Histories, $"content {i % 3}"));
            Assert.Equal($"content {i % 3}", File.ReadAllText(store.Open(version.Manifest.ModelVersion).PathOf(ArtifactNames.Histories)));
            Assert.NotNull(store.Open(store.ReadCurrent()!));
        });
        Assert.Equal(3, _store.ListVersions().Count);
        Assert.Empty(Leftovers());
    }

    [Fact]
    public void Staging_folders_of_dead_publishers_are_removed_after_a_day()
    {
        string old = _store.CreateStaging();
        string young = _store.CreateStaging();
        Directory.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-25));
        string mine = _store.CreateStaging();
        Assert.False(Directory.Exists(old));
        Assert.True(Directory.Exists(young));
        Assert.True(Directory.Exists(mine));
    }

    private void AssertRefused(ArtifactVersion version, string reason)
    {
        ArtifactException e = Assert.Throws<ArtifactException>(() => _store.Open(version.Manifest.ModelVersion));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    private IEnumerable<string> Leftovers() =>
        Directory.EnumerateDirectories(_store.VersionsFolder, ".*").Concat(Directory.EnumerateFiles(Folder.Path, "*.tmp"));
}
