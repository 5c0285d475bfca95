using System.Security.Cryptography;
using System.Text;

namespace NanoRecSys.UnitTests.Training.Models;

public sealed class LibTorchTests : FolderTests
{
    [Fact]
    public void The_patched_copy_requires_only_the_older_version_and_the_source_is_unchanged()
    {
        string? shipped = LibTorch.FindShippedLibrary();
        Assert.SkipWhen(shipped is null, "TorchSharp ships another form of its library on this platform.");
        byte[] before = SHA256.HashData(File.ReadAllBytes(shipped));

        string copy = LibTorch.WritePatchedCopy(shipped, Folder.Path);

        string text = Encoding.Latin1.GetString(File.ReadAllBytes(copy));
        Assert.DoesNotContain("\0_ZSt21ios_base_library_initv\0_", text[..(text.Length / 4)], StringComparison.Ordinal);
        Assert.Contains("\0sched_yield\0", text, StringComparison.Ordinal);
        Assert.Equal(new FileInfo(shipped).Length, new FileInfo(copy).Length);
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(shipped)));
    }

    [Fact]
    public void An_existing_copy_is_reused()
    {
        string? shipped = LibTorch.FindShippedLibrary();
        Assert.SkipWhen(shipped is null, "TorchSharp ships another form of its library on this platform.");
        string first = LibTorch.WritePatchedCopy(shipped, Folder.Path);
        DateTime written = File.GetLastWriteTimeUtc(first);

        string second = LibTorch.WritePatchedCopy(shipped, Folder.Path);

        Assert.Equal(first, second);
        Assert.Equal(written, File.GetLastWriteTimeUtc(second));
        Assert.Single(Directory.EnumerateFiles(Folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void An_invalid_library_is_refused_and_no_copy_is_left()
    {
        string text = Folder.File("libLibTorchSharp.so");
        File.WriteAllText(text, new string('x', 4096));

        Assert.Refused<InvalidDataException>(() => LibTorch.WritePatchedCopy(text, Folder.Path), "Not a 64-bit little-endian ELF library");
        Assert.Single(Directory.EnumerateFileSystemEntries(Folder.Path));
    }
}
