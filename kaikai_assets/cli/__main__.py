from kaikai_assets.cli import main

main()
